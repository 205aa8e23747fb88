import type { Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Tpm, TpmError, type TpmCommand, type TpmTransport } from '../src/index.js'
import { expectCode } from './support/errors.js'
import { answer, startFakeTpm } from './support/fake-tpm.js'
import { withCode } from '@nomyo-internal/testing'

const PING: TpmCommand = { name: 'TPM2_GetRandom', code: 0x17b, parameters: Uint8Array.of(0, 1) }
const OK = answer(0)
const RETRY = answer(0x922)
const NOT_STARTED = answer(0x100)
const STARTUP = 0x144

const ping = (tpm: Tpm) => tpm.exclusive((send) => send(PING))
const never = () => new Promise<Uint8Array>(() => undefined)
const tick = () => new Promise((resolve) => setImmediate(resolve))
/** Stops the clock of the code under test; sockets stay real. */
const stopClock = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })

afterEach(() => {
  vi.useRealTimers()
})

/** A promise, and the function that resolves it. */
function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let settle: ((value: T) => void) | undefined
  const promise = new Promise<T>((resolve) => (settle = resolve))
  return { promise, resolve: (value) => settle?.(value) }
}

const codeOf = (command: Uint8Array) =>
  new DataView(command.buffer, command.byteOffset).getUint32(6)

function transportThat(transmit: TpmTransport['transmit']) {
  return { transmit: vi.fn(transmit), close: vi.fn(() => Promise.resolve()) }
}

describe('options', () => {
  it.each([
    { timeoutMs: 0 },
    { timeoutMs: 1.5 },
    { timeoutMs: Infinity },
    { timeoutMs: NaN },
    { timeoutMs: 2 ** 31 },
    { maxQueued: 0 },
    { maxQueued: -1 },
    { maxQueued: Infinity },
  ])('refuses %o', (options) => {
    expect(() => new Tpm('device', options)).toThrow(withCode('ERR_TPM_INPUT'))
  })
})

describe('the queue', () => {
  it('runs one sequence at a time, in their order', async () => {
    const log: string[] = []
    const tpm = new Tpm(transportThat(() => Promise.resolve(OK)))
    const sequence = (name: string) =>
      tpm.exclusive(async (send) => {
        for (let step = 0; step < 3; step++) {
          await send(PING)
          await tick()
          log.push(name)
        }
      })
    await Promise.all(['a', 'b', 'c'].map(sequence))
    expect(log.join('')).toBe('aaabbbccc')
  })

  it('continues after a failed sequence', async () => {
    const tpm = new Tpm(transportThat(() => Promise.resolve(OK)))
    const failing = tpm.exclusive(() => Promise.reject(new RangeError('own')))
    const next = ping(tpm)
    await expect(failing).rejects.toThrow(RangeError)
    await next
  })

  it('refuses more than maxQueued sequences, and accepts more later', async () => {
    const tpm = new Tpm(
      transportThat(() => Promise.resolve(OK)),
      { maxQueued: 2 },
    )
    const accepted = [ping(tpm), ping(tpm)]
    await expectCode(ping(tpm), 'ERR_TPM_BUSY')
    await Promise.all(accepted)
    await ping(tpm)
  })

  it('refuses two commands at once within a sequence', async () => {
    const transport = transportThat(async () => (await tick(), OK))
    const tpm = new Tpm(transport)
    await tpm.exclusive(async (send) => {
      const first = send(PING)
      await expectCode(send(PING), 'ERR_TPM_INPUT')
      await first
    })
    expect(transport.transmit).toHaveBeenCalledTimes(1)
  })

  it('limits the wait to timeoutMs, also behind a sequence that never ends', async () => {
    const tpm = new Tpm(
      transportThat(() => Promise.resolve(OK)),
      { timeoutMs: 100 },
    )
    stopClock()
    void tpm.exclusive(never)
    const settled = vi.fn()
    const waiting = Array.from({ length: 20 }, () => ping(tpm))
    const refused = Promise.all(waiting.map((one) => expectCode(one, 'ERR_TPM_TIMEOUT')))
    void refused.then(settled)
    await vi.advanceTimersByTimeAsync(99)
    expect(settled).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    await refused
  })
})

describe('a response', () => {
  it('that requests a retry gets one', async () => {
    const { address } = await startFakeTpm((socket, _command, earlier) =>
      socket.write([RETRY, answer(0x908), answer(0x90a), RETRY][earlier] ?? OK),
    )
    const tpm = new Tpm(address)
    await ping(tpm)
    await tpm.close()
  })

  it('that requests retries for ever is an error after a few', async () => {
    const transport = transportThat(() => Promise.resolve(RETRY))
    stopClock()
    const refused = expectCode(ping(new Tpm(transport)), 'ERR_TPM_COMMAND', 0x922)
    await vi.advanceTimersByTimeAsync(10_000)
    await refused
    expect(transport.transmit).toHaveBeenCalledTimes(13)
  })

  it('that never comes ends with a timeout, and the next command has a new connection', async () => {
    const received = deferred()
    const { address, connections } = await startFakeTpm((socket, _command, earlier) => {
      if (earlier > 0) socket.write(OK)
      else received.resolve()
    })
    stopClock()
    const tpm = new Tpm(address, { timeoutMs: 300 })
    const refused = expectCode(ping(tpm), 'ERR_TPM_TIMEOUT')
    await received.promise
    await vi.advanceTimersByTimeAsync(300)
    await refused
    await ping(tpm)
    expect(connections()).toBe(2)
    await tpm.close()
  })

  it('that stays incomplete ends with a timeout', async () => {
    const { address } = await startFakeTpm((socket) => socket.write(OK.subarray(0, 9)))
    await expectCode(ping(new Tpm(address, { timeoutMs: 50 })), 'ERR_TPM_TIMEOUT')
  })

  it('that is late is not taken for the next one', async () => {
    const received = deferred<Socket>()
    const { address } = await startFakeTpm((socket, _command, earlier) => {
      if (earlier === 0) return received.resolve(socket)
      void received.promise.then((first) => {
        first.write(answer(0x921))
        socket.write(OK)
      })
    })
    stopClock()
    const tpm = new Tpm(address, { timeoutMs: 300 })
    const refused = expectCode(ping(tpm), 'ERR_TPM_TIMEOUT')
    await received.promise
    await vi.advanceTimersByTimeAsync(300)
    await refused
    await ping(tpm)
    await tpm.close()
  })

  it.each([
    ['nothing', new Uint8Array()],
    ['a cut-off header', OK.subarray(0, 9)],
    ['a wrong length', Uint8Array.of(...OK, 0)],
    ['the tag of a TPM 1.2', Uint8Array.of(0, 0xc4, 0, 0, 0, 10, 0, 0, 0, 0x1e)],
    ['sessions without a request', Uint8Array.of(0x80, 2, ...OK.subarray(2))],
  ])('that is %s is refused', async (_, bytes) => {
    await expectCode(ping(new Tpm(transportThat(() => Promise.resolve(bytes)))), 'ERR_TPM_RESPONSE')
  })

  it('with an error carries its code', async () => {
    const tpm = new Tpm(transportThat(() => Promise.resolve(answer(0x921))))
    await expectCode(ping(tpm), 'ERR_TPM_COMMAND', 0x921)
  })

  it('of a transport that throws another error is a TpmError', async () => {
    const throwing: TpmTransport['transmit'][] = [
      () => Promise.reject(new Error('own')),
      () => {
        throw new TypeError('own')
      },
    ]
    for (const transmit of throwing) {
      await expectCode(ping(new Tpm(transportThat(transmit))), 'ERR_TPM_UNREACHABLE')
    }
  })
})

describe('a TPM that was not started', () => {
  it('is started once, and gets the command again', async () => {
    const seen: number[] = []
    const tpm = new Tpm(
      transportThat((command) => {
        seen.push(codeOf(command))
        return Promise.resolve(seen.includes(STARTUP) ? OK : NOT_STARTED)
      }),
    )
    await ping(tpm)
    await ping(tpm)
    expect(seen).toEqual([PING.code, STARTUP, PING.code, PING.code])
  })

  it('is not started for ever', async () => {
    const transport = transportThat(() => Promise.resolve(NOT_STARTED))
    await expectCode(ping(new Tpm(transport)), 'ERR_TPM_COMMAND', 0x100)
    expect(transport.transmit).toHaveBeenCalledTimes(3)
  })
})

describe('close', () => {
  it('refuses new and waiting sequences, and lets the running one finish', async () => {
    const released = deferred()
    const transport = transportThat(async () => (await released.promise, OK))
    const tpm = new Tpm(transport)
    const running = tpm.exclusive(async (send) => {
      await send(PING)
      await send(PING)
      return transport.close.mock.calls.length
    })
    const waiting = ping(tpm)
    await vi.waitFor(() => {
      expect(transport.transmit).toHaveBeenCalledOnce()
    })
    const closing = tpm.close()
    released.resolve()
    await expectCode(ping(tpm), 'ERR_TPM_CLOSED')
    await expectCode(waiting, 'ERR_TPM_CLOSED')
    expect(await running).toBe(0)
    await closing
    expect(transport.close).toHaveBeenCalledOnce()
    expect(transport.transmit).toHaveBeenCalledTimes(2)
  })

  it('limits its wait for the running sequence, which can send nothing more', async () => {
    const transport = transportThat(() => Promise.resolve(OK))
    const tpm = new Tpm(transport, { timeoutMs: 20 })
    const released = deferred()
    const running = tpm.exclusive(async (send) => {
      await released.promise
      return send(PING)
    })
    await tpm.close()
    released.resolve()
    await expectCode(running, 'ERR_TPM_CLOSED')
    expect(transport.transmit).not.toHaveBeenCalled()
  })

  it('ends a command without a response', async () => {
    const { address } = await startFakeTpm(() => undefined)
    const tpm = new Tpm(address, { timeoutMs: 100 })
    const running = ping(tpm)
    await tpm.close()
    await expect(running).rejects.toThrow(TpmError)
    await tpm.close()
  })
})
