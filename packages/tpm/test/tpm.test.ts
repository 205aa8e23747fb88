import { describe, expect, it, vi } from 'vitest'
import { Tpm, TpmError, type TpmCommand, type TpmTransport } from '../src/index.js'
import { expectCode } from './support/errors.js'
import { answer, startFakeTpm } from './support/fake-tpm.js'

const PING: TpmCommand = { name: 'TPM2_GetRandom', code: 0x17b, parameters: Uint8Array.of(0, 1) }
const OK = answer(0)
const RETRY = answer(0x922)
const NOT_STARTED = answer(0x100)
const STARTUP = 0x144

const ping = (tpm: Tpm) => tpm.exclusive((send) => send(PING))
const never = () => new Promise<Uint8Array>(() => undefined)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
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
    expect(() => new Tpm('device', options)).toThrow(
      expect.objectContaining({ code: 'ERR_TPM_INPUT' }),
    )
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
          await pause(1)
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
    const transport = transportThat(async () => (await pause(5), OK))
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
    void tpm.exclusive(never)
    const started = performance.now()
    const waiting = Array.from({ length: 20 }, () => ping(tpm))
    await Promise.all(waiting.map((one) => expectCode(one, 'ERR_TPM_TIMEOUT')))
    expect(performance.now() - started).toBeLessThan(1000)
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
    vi.useFakeTimers()
    try {
      const refused = expectCode(ping(new Tpm(transport)), 'ERR_TPM_COMMAND', 0x922)
      await vi.advanceTimersByTimeAsync(10_000)
      await refused
    } finally {
      vi.useRealTimers()
    }
    expect(transport.transmit).toHaveBeenCalledTimes(13)
  })

  it('that never comes ends with a timeout, and the next command has a new connection', async () => {
    const { address, connections } = await startFakeTpm((socket, _command, earlier) => {
      if (earlier > 0) socket.write(OK)
    })
    const tpm = new Tpm(address, { timeoutMs: 300 })
    await expectCode(ping(tpm), 'ERR_TPM_TIMEOUT')
    await ping(tpm)
    expect(connections()).toBe(2)
    await tpm.close()
  })

  it('that stays incomplete ends with a timeout', async () => {
    const { address } = await startFakeTpm((socket) => socket.write(OK.subarray(0, 9)))
    await expectCode(ping(new Tpm(address, { timeoutMs: 50 })), 'ERR_TPM_TIMEOUT')
  })

  it('that is late is not taken for the next one', async () => {
    const { address } = await startFakeTpm((socket, _command, earlier) => {
      if (earlier === 0) setTimeout(() => socket.write(answer(0x921)), 350)
      else setTimeout(() => socket.write(OK), 150)
    })
    const tpm = new Tpm(address, { timeoutMs: 300 })
    await expectCode(ping(tpm), 'ERR_TPM_TIMEOUT')
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
    const transport = transportThat(async () => (await pause(10), OK))
    const tpm = new Tpm(transport)
    const running = tpm.exclusive(async (send) => {
      await send(PING)
      await send(PING)
      return transport.close.mock.calls.length
    })
    const waiting = ping(tpm)
    await pause(1)
    const closing = tpm.close()
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
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const running = tpm.exclusive(async (send) => {
      await released
      return send(PING)
    })
    await tpm.close()
    release()
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
