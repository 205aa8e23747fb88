import { open, type FileHandle } from 'node:fs/promises'
import { TpmError } from '../errors.js'
import { malformed } from '../response-reader.js'
import { systemCode } from '../system-code.js'
import { MAX_RESPONSE_BYTES, responseSize, type TpmTransport } from './transport.js'

/** A TPM behind a device file of Linux. Written after the kernel's documentation, untested on hardware. */
export function deviceTransport(path: string): TpmTransport {
  let device: Promise<FileHandle> | undefined
  let unanswered = false

  const forget = (old: Promise<FileHandle> | undefined): void => {
    if (device === old) device = undefined
    // Not awaited: closing may wait for a read that only the TPM can end.
    void old?.then((handle) => handle.close()).catch(() => undefined)
  }

  return {
    async transmit(command) {
      // A device that hangs holds one of the few threads Node has for files and cryptography. The
      // next command would hang in the same chip, and take another.
      if (unanswered) {
        throw new TpmError('ERR_TPM_UNREACHABLE', `${path} has not answered the last command yet.`)
      }
      unanswered = true
      const current = (device ??= open(path, 'r+'))
      try {
        return await exchange(await current, command)
      } catch (error) {
        // Opened again for the next command.
        forget(current)
        if (error instanceof TpmError) throw error
        throw new TpmError(
          'ERR_TPM_UNREACHABLE',
          `${path} cannot be used (${systemCode(error)}). ` +
            'Check that it exists and that this user is in its group (often "tss").',
        )
      } finally {
        unanswered = false
      }
    },
    close() {
      forget(device)
      return Promise.resolve()
    },
  }
}

/** The kernel takes a command in one write, and forgets an answer that is not fetched in one read. */
async function exchange(device: FileHandle, command: Uint8Array): Promise<Uint8Array> {
  const { bytesWritten } = await device.write(command, 0, command.length, null)
  if (bytesWritten !== command.length) throw malformed('will not come: the command was cut off')
  const buffer = new Uint8Array(MAX_RESPONSE_BYTES)
  const { bytesRead } = await device.read(buffer, 0, buffer.length, null)
  const response = buffer.slice(0, bytesRead)
  if (responseSize(response) !== bytesRead) throw malformed('has another length than it says')
  return response
}
