import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Input } from './requests.js'

/** One answer as it stood on the wire. */
export interface WireAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** Longest wait for an answer, or for the end of a connection, that is no hang. */
const PATIENCE_MS = 10_000
/** After so long the gateway is taken to wait for more. */
const SILENCE_MS = 50

/** One caller that sends inputs one after the other and keeps its connection as long as it may. */
export class Worker {
  readonly #port: number
  readonly #address: string
  #socket: Socket | undefined

  /** @param address - of its own, so that ports of connections that ended do not run short */
  constructor(port: number, address: string) {
    this.#port = port
    this.#address = address
  }

  /**
   * Sends an input and gives the answers to it.
   *
   * @throws Error for what is no well-formed HTTP, and when nothing ends the wait
   */
  async send(input: Input): Promise<WireAnswer[]> {
    const socket = await this.#connected()
    socket.write(input.bytes)
    const { text, open } = await receive(socket, input)
    const { answers, complete } = answersIn(text, input)
    if (!complete) throw new Error(`half an answer: ${JSON.stringify(text)}`)
    const last = answers.at(-1)
    if (!open || input.framing === 'end' || last?.headers.get('connection') === 'close')
      this.close()
    return answers
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  async #connected(): Promise<Socket> {
    if (this.#socket?.readyState === 'open') return this.#socket
    const socket = connect({
      port: this.#port,
      host: '127.0.0.1',
      localAddress: this.#address,
      allowHalfOpen: true,
      noDelay: true,
    })
    await once(socket, 'connect')
    // What is reset while it is written to was closed; what was answered before is there.
    socket.on('error', () => undefined).setEncoding('latin1')
    this.#socket = socket
    return socket
  }
}

function receive(socket: Socket, input: Input): Promise<{ text: string; open: boolean }> {
  return new Promise((resolve, reject) => {
    let text = ''
    const settle = (open: boolean): void => {
      clearTimeout(hang)
      clearTimeout(silence)
      socket.off('data', onData).off('end', onEnd).off('close', onEnd)
      resolve({ text, open })
    }
    const onData = (part: string): void => {
      text += part
      const { answers, complete } = answersIn(text, input)
      if (!complete || answers.length === 0) return
      if (input.framing === 'one') settle(true)
      // What comes after the answer would be an answer too many.
      else socket.end()
    }
    const onEnd = (): void => settle(false)
    const hang = setTimeout(() => {
      reject(new Error(`a hang after ${JSON.stringify(text)}`))
    }, PATIENCE_MS)
    // The gateway drops what is under way when a caller ends its side, so not before it had time.
    const silence = input.framing === 'end' ? setTimeout(() => socket.end(), SILENCE_MS) : undefined
    socket.on('data', onData).on('end', onEnd).on('close', onEnd)
  })
}

/** The final answers in a text; `complete` when there is one, or none, and nothing of another. */
function answersIn(
  text: string,
  { isHead = false }: Input,
): { answers: WireAnswer[]; complete: boolean } {
  const answers: WireAnswer[] = []
  let rest = text
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) return { answers, complete: false }
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n')
    const status = Number(/^HTTP\/1\.1 ([1-5]\d\d) [\w -]+$/.exec(statusLine)?.[1])
    if (Number.isNaN(status)) throw new Error(`no status line: ${JSON.stringify(statusLine)}`)
    const headers = new Map(lines.map(headerOf))
    rest = rest.slice(end + 4)
    if (status < 200) continue
    const length = status === 304 || status === 204 ? 0 : Number(headers.get('content-length'))
    if (!Number.isSafeInteger(length)) throw new Error('an answer without a length')
    // What cannot be read as HTTP is refused with a body, whatever method it says.
    const bodyLength = isHead && (rest === '' || rest.startsWith('HTTP/1.1 ')) ? 0 : length
    if (rest.length < bodyLength) return { answers, complete: false }
    answers.push({ status, headers, body: rest.slice(0, bodyLength) })
    rest = rest.slice(bodyLength)
  }
  return { answers, complete: true }
}

function headerOf(line: string): [name: string, value: string] {
  const [, name, value = ''] = /^([a-z-]+): ([\x20-\x7e]*)$/i.exec(line) ?? []
  if (name === undefined) throw new Error(`no header: ${JSON.stringify(line)}`)
  return [name.toLowerCase(), value]
}
