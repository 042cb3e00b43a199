"""Where training storage lies: folders, object stores, the hub; how they are asked again."""
