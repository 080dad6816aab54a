// Preloaded into a service: it then holds as much memory as a leak would.
globalThis.heldMemory = Buffer.alloc(750_000_000, 1);
