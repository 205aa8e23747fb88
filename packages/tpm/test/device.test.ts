import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '@nomyo-internal/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { TpmTransport } from '../src/index.js'
import { deviceTransport } from '../src/transports/device.js'
import { expectCode } from './support/errors.js'
import { answer } from './support/fake-tpm.js'

/** Watches for the next read from a file, and returns a function that waits for it. */
async function nextRead(): Promise<() => Promise<void>> {
  const file = await open(process.execPath)
  const prototype = Object.getPrototypeOf(file) as typeof file
  await file.close()
  const read = vi.spyOn(prototype, 'read')
  onTestFinished(() => {
    read.mockRestore()
  })
  return () =>
    vi.waitFor(() => {
      expect(read).toHaveBeenCalled()
    })
}

function fifo(): { path: string; transport: TpmTransport } {
  const path = join(temporaryFolder(), 'fifo')
  execFileSync('mkfifo', [path])
  return { path, transport: deviceTransport(path) }
}

// A FIFO opened for reading and writing returns the bytes written to it: the closest match to a device
// with one write and one read per command.
describe.skipIf(process.platform === 'win32')('a device', () => {
  it('writes a command at once and reads the response at once', async () => {
    const { transport } = fifo()
    for (const bytes of [answer(0), answer(0, new Uint8Array(4086).fill(7))]) {
      expect(await transport.transmit(bytes)).toEqual(bytes)
    }
    await transport.close()
  })

  it('refuses a response with a wrong length', async () => {
    const { transport } = fifo()
    const bytes = answer(0)
    await expectCode(transport.transmit(bytes.subarray(0, 9)), 'ERR_TPM_RESPONSE')
    await expectCode(transport.transmit(Uint8Array.of(...bytes, 0)), 'ERR_TPM_RESPONSE')
    await transport.close()
  })

  it('refuses a file without a response', async () => {
    const path = join(temporaryFolder(), 'file')
    writeFileSync(path, '')
    await expectCode(deviceTransport(path).transmit(answer(0)), 'ERR_TPM_RESPONSE')
  })

  it('reports a missing device, and opens it once it exists', async () => {
    const path = join(temporaryFolder(), 'fifo')
    const transport = deviceTransport(path)
    await expectCode(transport.transmit(answer(0)), 'ERR_TPM_UNREACHABLE')
    execFileSync('mkfifo', [path])
    expect(await transport.transmit(answer(0))).toEqual(answer(0))
    await transport.close()
    await transport.close()
  })

  it('that hangs receives nothing more until it responds', async () => {
    const { path, transport } = fifo()
    const isReading = await nextRead()
    // Nothing was written, so there is nothing to read.
    const hanging = transport.transmit(new Uint8Array())
    await isReading()
    await transport.close()
    await expectCode(transport.transmit(answer(0)), 'ERR_TPM_UNREACHABLE')
    writeFileSync(path, answer(0))
    expect(await hanging).toEqual(answer(0))
    expect(await transport.transmit(answer(0))).toEqual(answer(0))
    await transport.close()
  })
})
