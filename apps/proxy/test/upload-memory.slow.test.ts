import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { startProgram, stopAfterTest, temporaryFolder } from '@nomyo-internal/testing'
import { startGatewayProcess } from '@nomyo-internal/testing/gateway-process'
import { beforeAll, describe, expect, it } from 'vitest'
import { API_KEY, TOKEN, argsFor, startProxyProcess } from './support.js'

const MIB = 1024 * 1024
const SMALL = 2 * MIB
const LARGE = 100 * MIB
/** Memory that a request of 100 MiB takes beyond one of 2 MiB, which the documents state. */
const MOST_MIB = 64

const folder = temporaryFolder()

/** Creates a file whose first bytes are random. */
function fileOf(name: string, bytes: number): string {
  const path = join(folder, name)
  writeFileSync(path, randomBytes(MIB))
  truncateSync(path, bytes)
  return path
}

const small = fileOf('small.wav', SMALL)
const large = fileOf('large.wav', LARGE)

/** Highest resident memory of a process so far, in MiB, from Linux. */
const peakMiB = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) / 1024

/** A model server that counts what it receives. */
const received: number[] = []
const model = createServer((incoming, response) => {
  let size = 0
  incoming.on('error', () => undefined)
  incoming.on('data', (part: Buffer) => {
    size += part.length
  })
  incoming.on('end', () => {
    if (incoming.method === 'POST') received.push(size)
    response.setHeader('content-type', 'application/json')
    response.end(incoming.method === 'POST' ? '{"text":"Hi"}' : '{"data":[]}')
  })
})
let modelUrl = ''
beforeAll(async () => {
  await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve))
  modelUrl = `http://127.0.0.1:${String((model.address() as AddressInfo).port)}/v1`
  return () => {
    model.closeAllConnections()
    model.close()
  }
})

const startGateway = async () =>
  stopAfterTest(
    await startGatewayProcess({
      args: [...['--upstream', modelUrl, '--api-key', API_KEY], '--log-level=error'],
    }),
  )

/** Sends a file by the client, in a process of its own; returns the highest memory of that, in MiB. */
async function upload(gateway: string, source: string): Promise<number> {
  const script = `
    import { createReadStream, openAsBlob } from 'node:fs'
    import { SecureChatCompletion } from ${JSON.stringify(import.meta.resolve('@nomyo/client'))}
    const client = new SecureChatCompletion({
      baseUrl: ${JSON.stringify(gateway)}, apiKey: ${JSON.stringify(API_KEY)},
      allowHttp: true, wire: 2, maxRetries: 0,
    })
    const { text } = await client.audio.transcriptions.create({ file: ${source}, model: 'm' })
    client.dispose()
    console.log(text, process.resourceUsage().maxRSS)
  `
  const { stdout, stderr } = await startProgram(process.execPath, [
    ...['--no-warnings', '--input-type=module', '--eval', script],
  ]).ended
  const [answer, kibibytes] = stdout.trim().split(' ')
  expect(answer, stderr).toBe('Hi')
  return Number(kibibytes) / 1024
}

describe('an upload of 100 MiB takes the memory of its chunks', () => {
  it.each([
    ['as a file that is opened', (path: string) => `await openAsBlob(${JSON.stringify(path)})`],
    ['as a stream of Node', (path: string) => `createReadStream(${JSON.stringify(path)})`],
  ])('in client and gateway, %s', async (_, source) => {
    const gateway = await startGateway()
    const clientBefore = await upload(gateway.url, source(small))
    const gatewayBefore = peakMiB(gateway.pid)
    const clientAfter = await upload(gateway.url, source(large))
    const gatewayAfter = peakMiB(gateway.pid)
    expect(received.at(-1)).toBeGreaterThan(LARGE)
    expect(clientAfter - clientBefore).toBeLessThan(MOST_MIB)
    expect(gatewayAfter - gatewayBefore).toBeLessThan(MOST_MIB)
  })

  it('in the proxy', async () => {
    const gateway = await startGateway()
    const proxy = await startProxyProcess([...argsFor(gateway.url), '--quiet'], folder)
    const before = Buffer.from(
      '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n' +
        '--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n',
    )
    const behind = Buffer.from('\r\n--b--\r\n')
    const send = async (path: string): Promise<void> => {
      const length = before.length + statSync(path).size + behind.length
      const outgoing = request(`${proxy.url}/v1/audio/transcriptions`, {
        method: 'POST',
        headers: {
          'content-type': 'multipart/form-data; boundary=b',
          'content-length': length,
          authorization: `Bearer ${TOKEN}`,
        },
      })
      async function* parts() {
        yield before
        yield* createReadStream(path) as AsyncIterable<Buffer>
        yield behind
      }
      Readable.from(parts()).pipe(outgoing)
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
      expect({ status: response.statusCode, body: await text(response) }).toMatchObject({
        status: 200,
      })
    }
    await send(small)
    const proxyBefore = peakMiB(proxy.pid)
    await send(large)
    const proxyAfter = peakMiB(proxy.pid)
    expect(received.at(-1)).toBeGreaterThan(LARGE)
    expect(proxyAfter - proxyBefore).toBeLessThan(MOST_MIB)
  })
})
