import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { deviceTransport } from '../src/transports/device.js'
import { expectCode } from './support/errors.js'
import { answer } from './support/fake-tpm.js'

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'nomyo-device-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

// A FIFO opened for reading and writing gives back what it was given: the nearest thing to a device
// that takes one write and answers with one read.
describe.skipIf(process.platform === 'win32')('a device', () => {
  it('takes a command in one write and gives the answer in one read', async () => {
    const path = join(folder(), 'fifo')
    execFileSync('mkfifo', [path])
    const transport = deviceTransport(path)
    for (const bytes of [answer(0), answer(0, new Uint8Array(4086).fill(7))]) {
      expect(await transport.transmit(bytes)).toEqual(bytes)
    }
    await transport.close()
  })

  it('refuses an answer of another length than it says', async () => {
    const path = join(folder(), 'fifo')
    execFileSync('mkfifo', [path])
    const transport = deviceTransport(path)
    const bytes = answer(0)
    await expectCode(transport.transmit(bytes.subarray(0, 9)), 'ERR_TPM_RESPONSE')
    await expectCode(transport.transmit(Uint8Array.of(...bytes, 0)), 'ERR_TPM_RESPONSE')
    await transport.close()
  })

  it('refuses a file that answers nothing', async () => {
    const path = join(folder(), 'file')
    writeFileSync(path, '')
    await expectCode(deviceTransport(path).transmit(answer(0)), 'ERR_TPM_RESPONSE')
  })

  it('reports a device that is not there, and finds it once it is', async () => {
    const path = join(folder(), 'fifo')
    const transport = deviceTransport(path)
    await expectCode(transport.transmit(answer(0)), 'ERR_TPM_UNREACHABLE')
    execFileSync('mkfifo', [path])
    expect(await transport.transmit(answer(0))).toEqual(answer(0))
    await transport.close()
    await transport.close()
  })

  it('that hangs is sent nothing more, until it answers', async () => {
    const path = join(folder(), 'fifo')
    execFileSync('mkfifo', [path])
    const transport = deviceTransport(path)
    // Nothing is written, so there is nothing to read.
    const hanging = transport.transmit(new Uint8Array())
    await new Promise((resolve) => setTimeout(resolve, 100))
    await transport.close()
    await expectCode(transport.transmit(answer(0)), 'ERR_TPM_UNREACHABLE')
    writeFileSync(path, answer(0))
    expect(await hanging).toEqual(answer(0))
    expect(await transport.transmit(answer(0))).toEqual(answer(0))
    await transport.close()
  })
})
