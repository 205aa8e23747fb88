#!/usr/bin/env node
// Requests are opened in libuv's threads. How many there are must be said before the first is used, which
// loading an ES module does: one for each core, and one for whatever else wants one, such as DNS.
const { readdirSync, stat } = require('node:fs')
const { availableParallelism, getPriority, setPriority } = require('node:os')

/** By how much the threads are nicer than the event loop: a third of its share where both want a core. */
const NICER = 5
const NICEST = 19

process.env.UV_THREADPOOL_SIZE ??= String(availableParallelism() + 1)
const before = threads()
// The first work for them, whatever it is, makes them all.
stat('.', () => {
  for (const thread of threads()) if (!before.includes(thread)) giveWay(thread)
  import('../dist/main.js')
})

/** The ids of this process's threads; none where the system has them elsewhere than Linux. */
function threads() {
  try {
    return readdirSync('/proc/self/task')
  } catch {
    return []
  }
}

/** Has the event loop come first: answers go out while other requests are still being opened. */
function giveWay(thread) {
  try {
    setPriority(Number(thread), Math.min(getPriority() + NICER, NICEST))
  } catch {
    // Where that is not allowed all threads are equal.
  }
}
