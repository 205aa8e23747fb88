// A thread of `measureRsa`: decrypts for a while and reports operations per second.
import { parentPort } from 'node:worker_threads'
import { rsaOperation } from '../harness/rsa.js'
import { readKey } from '../harness/run-context.js'

const DURATION_MS = 600

const operate = rsaOperation(readKey())
const startedAt = performance.now()
let count = 0
while (performance.now() - startedAt < DURATION_MS) {
  operate()
  count++
}
parentPort?.postMessage((1000 * count) / (performance.now() - startedAt))
