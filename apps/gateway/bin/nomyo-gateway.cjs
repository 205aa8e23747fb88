#!/usr/bin/env node
// Requests are opened in libuv's threads. How many there are must be said before the first is used, which
// loading an ES module does: one for each core, and one for whatever else wants one, such as DNS.
const { availableParallelism } = require('node:os')

process.env.UV_THREADPOOL_SIZE ??= String(availableParallelism() + 1)
import('../dist/main.js')
