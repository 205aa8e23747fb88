// The caller side: seals requests, opens answers. Works over any MessagePort.
import { randomUUID } from 'node:crypto'
import {
  SecurityError,
  generateKeyPair,
  importPublicKey,
  openJson,
  parsePin,
  sealJson,
  verifyPin,
} from '@nomyo/crypto'

/**
 * Waits for the gateway's key and gives a way to ask.
 *
 * @param {import('node:worker_threads').MessagePort} port
 * @param {{ pin?: string }} [options] the fingerprint the gateway's key must have
 */
export async function connect(port, { pin } = {}) {
  const [{ serverKeyPem }, { publicKey, privateKey }] = await Promise.all([
    new Promise((resolve) => port.once('message', resolve)),
    generateKeyPair(),
  ])
  const serverKey = await importPublicKey(serverKeyPem)
  if (pin !== undefined) verifyPin(serverKey, [parsePin(pin)])
  const waiting = new Map()
  const received = new Set()
  port.on('message', (message) => waiting.get(message.id)?.(message))

  /** Seals a request, sends it, and opens the answer to it. */
  async function ask(request) {
    const id = randomUUID()
    const envelope = await sealJson({ id, request }, serverKey)
    const answered = new Promise((resolve) => waiting.set(id, resolve))
    port.postMessage({ id, envelope, replyKeyPem: publicKey.pem }, [envelope.buffer])
    const message = await answered
    waiting.delete(id)
    if ('refused' in message) throw new Error(`The gateway refused the request: ${message.refused}`)
    return open(id, message.envelope)
  }

  /** An envelope is bound to nothing: which request it answers must stand inside the seal. */
  async function open(id, envelope) {
    const { value, replayId } = await openJson(envelope, privateKey)
    if (received.has(replayId)) throw new SecurityError('ERR_REPLY_REPLAYED', 'It was here before.')
    received.add(replayId)
    if (value.id !== id)
      throw new SecurityError('ERR_REPLY_MISMATCH', 'It answers another request.')
    return value.answer
  }

  return { fingerprint: serverKey.fingerprint, ask, close: () => port.close() }
}
