import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createTpmTransport } from '../src/index.js'
import { expectCode } from './support/errors.js'
import { answer, startFakeTpm, type Behaviour } from './support/fake-tpm.js'

const COMMAND = answer(0x17b)
const ANSWER = answer(
  0,
  Uint8Array.from({ length: 500 }, (_, index) => index),
)

const transmitTo = async (behave: Behaviour) => {
  const { address, connections } = await startFakeTpm(behave)
  const transport = createTpmTransport(address)
  return { transmit: () => transport.transmit(COMMAND), transport, connections }
}

const header = (size: number): Uint8Array => {
  const bytes = answer(0)
  new DataView(bytes.buffer).setUint32(2, size)
  return bytes
}

describe('a stream', () => {
  it('sends the command unchanged and reads the response byte by byte', async () => {
    let seen: Uint8Array | undefined
    const { transmit } = await transmitTo((socket, command) => {
      seen = new Uint8Array(command)
      socket.setNoDelay(true)
      const send = (index: number): void => {
        socket.write(ANSWER.subarray(index, index + 1))
        if (index < ANSWER.length - 1) setImmediate(send, index + 1)
      }
      send(0)
    })
    expect(await transmit()).toEqual(ANSWER)
    expect(seen).toEqual(COMMAND)
  })

  it('uses one connection for many commands', async () => {
    const { transmit, connections } = await transmitTo((socket) => socket.write(ANSWER))
    for (let i = 0; i < 5; i++) expect(await transmit()).toEqual(ANSWER)
    expect(connections()).toBe(1)
  })

  it.each([
    ['a length below a header', header(9)],
    ['no length', header(0)],
    ['a length above 8 KiB', header(8193)],
    ['the largest possible length', header(0xffffffff)],
    ['more bytes than announced', Uint8Array.of(...ANSWER, 0)],
    ['two responses at once', Uint8Array.of(...ANSWER, ...ANSWER)],
    ['64 KiB of other bytes', new Uint8Array(65_536).fill(0x80)],
    ['HTTP', new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('refuses %s, and reconnects for the next command', async (_, bytes) => {
    const { transmit, connections } = await transmitTo((socket, _command, earlier) =>
      socket.write(earlier === 0 ? bytes : ANSWER),
    )
    await expectCode(transmit(), 'ERR_TPM_RESPONSE')
    expect(await transmit()).toEqual(ANSWER)
    expect(connections()).toBe(2)
  })

  it('accepts the longest allowed response', async () => {
    const longest = answer(0, new Uint8Array(8192 - 10))
    const { transmit } = await transmitTo((socket) => socket.write(longest))
    expect(await transmit()).toEqual(longest)
  })

  it.each([0, 1, 5, 6, 9, ANSWER.length - 1])(
    'reports a connection that ends after %i bytes, and reopens it',
    async (length) => {
      const { transmit, connections } = await transmitTo((socket, _command, earlier) =>
        earlier === 0 ? socket.end(ANSWER.subarray(0, length)) : socket.write(ANSWER),
      )
      await expectCode(transmit(), 'ERR_TPM_UNREACHABLE')
      expect(await transmit()).toEqual(ANSWER)
      expect(connections()).toBe(2)
    },
  )

  it('reports a connection that is reset', async () => {
    const { transmit } = await transmitTo((socket) => socket.resetAndDestroy())
    await expectCode(transmit(), 'ERR_TPM_UNREACHABLE')
  })

  it('reports a port without a listener, and a missing socket', async () => {
    for (const address of ['tcp://127.0.0.1:1', 'unix:///nowhere/socket']) {
      await expectCode(createTpmTransport(address).transmit(COMMAND), 'ERR_TPM_UNREACHABLE')
    }
  })

  it('never takes unsolicited bytes for a response', async () => {
    const sockets: Socket[] = []
    const { transmit, connections } = await transmitTo((socket) => {
      sockets.push(socket)
      socket.write(ANSWER)
    })
    expect(await transmit()).toEqual(ANSWER)
    sockets[0]?.write(answer(0, Uint8Array.of(1)))
    await once(sockets[0]!, 'close')
    expect(await transmit()).toEqual(ANSWER)
    expect(connections()).toBe(2)
  })

  it('abandons a response when it is closed, and can be used again', async () => {
    const { transmit, transport } = await transmitTo((socket, _command, earlier) => {
      if (earlier === 0) void transport.close()
      else socket.write(ANSWER)
    })
    await expectCode(transmit(), 'ERR_TPM_CLOSED')
    expect(await transmit()).toEqual(ANSWER)
    await transport.close()
    await transport.close()
  })
})
