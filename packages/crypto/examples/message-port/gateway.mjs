// The gateway side, as a worker thread: opens requests, answers them, seals the answers.
import { workerData } from 'node:worker_threads'
import { SecurityError, generateKeyPair, importPublicKey, openJson, sealJson } from '@nomyo/crypto'

/** @type {import('node:worker_threads').MessagePort} */
const port = workerData.port
const { publicKey, privateKey } = await generateKeyPair()
/** @type {Set<string>} */
const served = new Set()

port.on('message', async ({ id, envelope, replyKeyPem }) => {
  try {
    const sealed = await serve(id, envelope, replyKeyPem)
    port.postMessage({ id, envelope: sealed }, [sealed.buffer])
  } catch (error) {
    // A code says enough; what was opened goes into no refusal.
    port.postMessage({ id, refused: error instanceof SecurityError ? error.code : 'ERR_INTERNAL' })
  }
})
port.postMessage({ serverKeyPem: publicKey.pem })

/** Plaintext exists between opening and sealing, and nowhere else. */
async function serve(id, envelope, replyKeyPem) {
  const replyKey = await importPublicKey(replyKeyPem)
  const { value, replayId } = await openJson(envelope, privateKey)
  if (served.has(replayId) || value.id !== id) {
    throw new SecurityError('ERR_REPLY_REPLAYED', 'This request was here before, or is another.')
  }
  served.add(replayId)
  return sealJson({ id, answer: complete(value.request) }, replyKey)
}

/** Where a model would be asked. */
function complete({ messages }) {
  return { role: 'assistant', content: messages.at(-1).content.toUpperCase() }
}
