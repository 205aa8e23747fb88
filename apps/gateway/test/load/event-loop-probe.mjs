import { appendFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { setInterval } from 'node:timers'

/**
 * Preloaded into a gateway: writes each time for which its event loop did nothing else, in milliseconds,
 * beside the processor time that all threads took meanwhile. The lesser of both is an upper bound of the
 * work of one piece, also where other processes occupy the processor.
 */
const INTERVAL_MS = 2
const LEAST_MS = 5

let lastAt = performance.now()
let lastUsage = process.cpuUsage()
setInterval(() => {
  const wallMs = performance.now() - lastAt - INTERVAL_MS
  const { user, system } = process.cpuUsage(lastUsage)
  if (wallMs >= LEAST_MS) {
    appendFileSync(process.env.NOMYO_TEST_PROBE, `${wallMs} ${(user + system) / 1000}\n`)
  }
  lastAt = performance.now()
  lastUsage = process.cpuUsage()
}, INTERVAL_MS).unref()
