#!/usr/bin/env node
// By default, SIGUSR1 opens Node's debugger, which shows the private keys to every user of the machine, and
// SIGHUP and SIGUSR2 end the process. Their actions are added when the gateway starts.
for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGHUP']) process.on(signal, () => undefined)

// Requests are decrypted in libuv's threads. Their number must be set before the first one is used, which
// loading an ES module does: one per core, and one for other work such as DNS.
const { readdirSync, stat } = require('node:fs')
const { availableParallelism, getPriority, setPriority } = require('node:os')

/** Added to the nice value of the threads: a third of the event loop's share where both need a core. */
const NICE_INCREMENT = 5
const MAX_NICE = 19

process.env.UV_THREADPOOL_SIZE ??= String(availableParallelism() + 1)
const before = threads()
// The first work for them starts all threads.
stat('.', () => {
  for (const thread of threads()) if (!before.includes(thread)) lowerPriority(thread)
  import('../dist/main.js')
})

/** Lists the ids of this process's threads; none on systems other than Linux. */
function threads() {
  try {
    return readdirSync('/proc/self/task')
  } catch {
    return []
  }
}

/** Gives the event loop precedence: answers are sent while other requests are still being decrypted. */
function lowerPriority(thread) {
  try {
    setPriority(Number(thread), Math.min(getPriority() + NICE_INCREMENT, MAX_NICE))
  } catch {
    // Without permission, all threads have the same priority.
  }
}
