import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

interface Gateway {
  readonly fingerprint: string
  ask(request: object): Promise<{ role: string; content: string }>
  close(): void
}

const example = new URL('../examples/message-port/', import.meta.url)
const vectorKeys = new URL('../../../internal/testing/src/vector-keys.mjs', import.meta.url).href
const { connect } = (await import(new URL('caller.mjs', example).href)) as {
  connect: (port: MessagePort, options?: { pin?: string }) => Promise<Gateway>
}

type Message = Record<string, unknown>
/** Shows each message to an attacker on the network path, and forwards the result. */
type Tap = (message: Message) => Message

let worker: Worker
let ports: MessagePort[]
let port: MessagePort
let fromCaller: Tap
let fromGateway: Tap

beforeEach(() => {
  fromCaller = fromGateway = (message) => message
  const callerSide = new MessageChannel()
  const gatewaySide = new MessageChannel()
  callerSide.port2.on('message', (message: Message) => {
    gatewaySide.port1.postMessage(fromCaller(message))
  })
  gatewaySide.port1.on('message', (message: Message) => {
    callerSide.port2.postMessage(fromGateway(message))
  })
  worker = new Worker(new URL('gateway.mjs', example), {
    execArgv: ['--import', vectorKeys],
    workerData: { port: gatewaySide.port2 },
    transferList: [gatewaySide.port2],
  })
  port = callerSide.port1
  ports = [callerSide.port1, callerSide.port2, gatewaySide.port1]
})
afterEach(async () => {
  for (const each of ports) each.close()
  await worker.terminate()
})

const saying = (content: string): object => ({ messages: [{ role: 'user', content }] })

describe('the example of a transport over a MessagePort', () => {
  it('answers many requests at once, each with its own answer, and carries no plaintext', async () => {
    const carried: Message[] = []
    fromCaller = fromGateway = (message) => {
      carried.push(message)
      return message
    }
    const gateway = await connect(port)
    const words = ['anything', 'whatever', 'something']
    const answers = await Promise.all(words.map((word) => gateway.ask(saying(word))))
    expect(answers.map(({ content }) => content)).toEqual(['ANYTHING', 'WHATEVER', 'SOMETHING'])
    expect(carried).toHaveLength(7)
    for (const message of carried) {
      const bytes = Object.values(message).map((value) =>
        value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value),
      )
      expect(bytes.join(' ')).not.toMatch(/anything|whatever|something|assistant/i)
    }
  })

  it('refuses another key than the pinned one', async () => {
    const pin = `sha256/${'A'.repeat(43)}=`
    await expect(connect(port, { pin })).rejects.toMatchObject({ code: 'ERR_KEY_MISMATCH' })
  })

  it('refuses messages that an attacker on the network path replaces or replays', async () => {
    const gateway = await connect(port)
    const answers: Message[] = []
    fromGateway = (message) => {
      answers.push(message)
      return message
    }
    await gateway.ask(saying('one'))
    fromGateway = (message) => ({ ...message, envelope: answers[0]?.['envelope'] })
    const code = (expected: string): unknown => expect.objectContaining({ code: expected })
    await expect(gateway.ask(saying('two'))).rejects.toEqual(code('ERR_REPLY_REPLAYED'))

    fromGateway = (message) => {
      answers.push(message)
      return answers.length === 2 ? {} : { ...message, envelope: answers[1]?.['envelope'] }
    }
    // The answer to the first is held back, and given to the second.
    void gateway.ask(saying('three'))
    await expect.poll(() => answers.length).toBe(2)
    await expect(gateway.ask(saying('four'))).rejects.toEqual(code('ERR_REPLY_MISMATCH'))

    fromGateway = (message) => message
    const requests: Message[] = []
    fromCaller = (message) => {
      requests.push(message)
      return { ...message, envelope: requests[0]?.['envelope'] }
    }
    await gateway.ask(saying('five'))
    await expect(gateway.ask(saying('six'))).rejects.toThrow('ERR_REPLY_REPLAYED')
  })
})
