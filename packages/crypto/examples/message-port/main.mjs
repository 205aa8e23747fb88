// Both sides in one process: node packages/crypto/examples/message-port/main.mjs (build first)
import { URL } from 'node:url'
import { MessageChannel, Worker } from 'node:worker_threads'
import { connect } from './caller.mjs'

const { port1, port2 } = new MessageChannel()
const worker = new Worker(new URL('gateway.mjs', import.meta.url), {
  workerData: { port: port2 },
  transferList: [port2],
})
const gateway = await connect(port1)
const answer = await gateway.ask({ messages: [{ role: 'user', content: 'Hello, worker!' }] })
process.stdout.write(`${gateway.fingerprint} answers: ${answer.content}\n`)
gateway.close()
await worker.terminate()
