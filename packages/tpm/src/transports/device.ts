import { open, type FileHandle } from 'node:fs/promises'
import { TpmError } from '../errors.js'
import { malformed } from '../wire/response-reader.js'
import { errnoCode, MAX_RESPONSE_BYTES, responseSize, type TpmTransport } from './transport.js'

/** Creates the transport to a Linux device file. Follows the kernel's documentation, untested on hardware. */
export function deviceTransport(path: string): TpmTransport {
  let device: Promise<FileHandle> | undefined
  let unanswered = false

  const forget = (old: Promise<FileHandle> | undefined): void => {
    if (device === old) device = undefined
    // Not awaited: `close` may wait for a read that only the TPM can end.
    void old?.then((handle) => handle.close()).catch(() => undefined)
  }

  return {
    async transmit(command) {
      // A hanging device occupies one of Node's few threads for files and cryptography. The next command
      // would hang in the same chip, and occupy another.
      if (unanswered) {
        throw new TpmError(
          'ERR_TPM_UNREACHABLE',
          `${path} has not responded to the previous command yet.`,
        )
      }
      unanswered = true
      const current = (device ??= open(path, 'r+'))
      try {
        return await roundTrip(await current, command)
      } catch (error) {
        // The next command opens the device again.
        forget(current)
        if (error instanceof TpmError) throw error
        throw new TpmError(
          'ERR_TPM_UNREACHABLE',
          `${path} cannot be used (${errnoCode(error)}). ` +
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

/** Sends a command in one write and reads its response in one read, as the kernel requires. */
async function roundTrip(device: FileHandle, command: Uint8Array): Promise<Uint8Array> {
  const { bytesWritten } = await device.write(command, 0, command.length, null)
  if (bytesWritten !== command.length) throw malformed('cannot arrive: the command was cut off')
  const buffer = new Uint8Array(MAX_RESPONSE_BYTES)
  const { bytesRead } = await device.read(buffer, 0, buffer.length, null)
  const response = buffer.slice(0, bytesRead)
  if (responseSize(response) !== bytesRead)
    throw malformed('has a length other than its header claims')
  return response
}
