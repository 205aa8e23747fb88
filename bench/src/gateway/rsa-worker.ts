// A thread of `measureRsa`: decrypts for a while and reports operations per second.
import {
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'

const DURATION_MS = 600

const privateKey = createPrivateKey(workerData as string)
const publicKey = createPublicKey(privateKey)
const options = { oaepHash: 'sha256' }
const sealed = publicEncrypt({ key: publicKey, ...options }, randomBytes(32))
const startedAt = performance.now()
let count = 0
while (performance.now() - startedAt < DURATION_MS) {
  privateDecrypt({ key: privateKey, ...options }, sealed)
  count++
}
parentPort?.postMessage((1000 * count) / (performance.now() - startedAt))
