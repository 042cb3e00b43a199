BEGIN TRANSACTION;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "meta" VALUES('campaign_id','0975264c1fa84460aa3c89cb550ef036');
INSERT INTO "meta" VALUES('project_id','12');
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    sample_key TEXT NOT NULL REFERENCES samples (key),
    started_at TEXT NOT NULL, finished_at TEXT,
    outcome TEXT NOT NULL,
    request_id TEXT, cost_usd TEXT, usage TEXT, error TEXT
);
INSERT INTO "requests" VALUES(1,'a873f5adc36b9cf8760ce6a73386f0ea','2026-11-24T20:17:44.019483+00:00','2026-11-24T20:17:44.023428+00:00','stored','req_1','0.006','{"output_tokens": 200}',NULL);
INSERT INTO "requests" VALUES(2,'e0061eb2266126fc5092cc1be1986508','2026-11-24T20:17:44.027433+00:00','2026-11-24T20:17:44.031428+00:00','refused',NULL,NULL,NULL,'no');
INSERT INTO "requests" VALUES(3,'4a4e28cef39e6ff3600f998e6bfeb702','2026-11-24T20:17:44.035453+00:00',NULL,'in_flight',NULL,NULL,NULL,NULL);
CREATE TABLE samples (
    position INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    prompt TEXT NOT NULL, label TEXT NOT NULL, technique TEXT NOT NULL, factors TEXT NOT NULL,
    model TEXT NOT NULL, size TEXT NOT NULL, parameters TEXT NOT NULL, seed INTEGER NOT NULL,
    planned_at TEXT NOT NULL,
    sha256 TEXT, stored_at TEXT, refused TEXT,
    model_version TEXT, label_probability REAL, similarity REAL, margin REAL,
    predicted_label TEXT, predicted_probability REAL,
    audit INTEGER, audit_probability REAL,
    upload TEXT, task_id INTEGER, pushed_version TEXT, pushed_at TEXT,
    verdict TEXT, verdict_label TEXT, annotation_id INTEGER, decided_at TEXT, reviewer INTEGER
);
INSERT INTO "samples" VALUES(1,'a873f5adc36b9cf8760ce6a73386f0ea','a red cat 0','cat','vanilla','{"color": "red"}','sketch-1','512x512','{"quality": "low"}',0,'2026-11-24T20:17:44.008132+00:00','abababababababababababababababababababababababababababababababab','2026-11-24T20:17:44.023543+00:00',NULL,'clip:t@1',0.9,0.3,0.8,'cat',0.9,1,0.25,'/data/upload/1/x.png',41,'clip:t@1','2026-11-24T20:17:44.047432+00:00','approved','cat',7,'2026-11-01T00:00:00+00:00',3);
INSERT INTO "samples" VALUES(2,'e0061eb2266126fc5092cc1be1986508','a red cat 1','cat','vanilla','{"color": "red"}','sketch-1','512x512','{"quality": "low"}',1,'2026-11-24T20:17:44.008158+00:00',NULL,NULL,'no',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "samples" VALUES(3,'4a4e28cef39e6ff3600f998e6bfeb702','a red cat 2','cat','vanilla','{"color": "red"}','sketch-1','512x512','{"quality": "low"}',2,'2026-11-24T20:17:44.008171+00:00',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX requests_by_sample ON requests (sample_key);
COMMIT;
PRAGMA user_version = 1;
