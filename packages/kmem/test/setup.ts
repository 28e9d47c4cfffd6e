// Runs before each test file: the library reads this once, when it is first imported.
(globalThis as { KMEM_ASSERTIONS?: boolean }).KMEM_ASSERTIONS = true;
