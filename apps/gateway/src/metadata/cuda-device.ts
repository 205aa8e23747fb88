import { createHmac } from 'node:crypto'
import { printable } from '@nomyo-internal/diagnostics'
import { reasonOf, type SystemFiles } from './system-files.js'

/** NVIDIA GPUs of the gateway's host, as its driver states them, without anything that identifies a device. */
export type CudaDevice =
  | {
      readonly is_available: true
      readonly driver_version?: string
      readonly devices: readonly { readonly model: string; readonly id_hash?: string }[]
    }
  | {
      readonly is_available: false
      /** `no_driver`, `no_device`, or the code of the system that forbids the look, such as `EACCES`. */
      readonly reason: string
    }

const DRIVER = '/proc/driver/nvidia'
const MAX_DEVICES = 64
const MAX_TEXT = 100

/**
 * Measures the GPUs of this host from the files of the driver.
 *
 * @param salt - secret under which identifiers are hashed: equal hashes are the same device, and nothing else is known
 */
export async function measureCudaDevice(
  { read, list }: SystemFiles,
  salt: Uint8Array,
): Promise<CudaDevice> {
  try {
    const folders = (await list(`${DRIVER}/gpus`)).slice(0, MAX_DEVICES)
    if (folders.length === 0) return { is_available: false, reason: 'no_device' }
    const devices = await Promise.all(
      folders.map(async (folder) => {
        const information = await read(`${DRIVER}/gpus/${folder}/information`)
        const uuid = fieldOf(information, 'GPU UUID')
        return {
          model: fieldOf(information, 'Model') ?? 'unknown',
          // Question marks stand for a device that is not initialized.
          ...(uuid === undefined || uuid.includes('?') ? {} : { id_hash: hash(uuid, salt) }),
        }
      }),
    )
    const version = await driverVersion(read)
    return {
      is_available: true,
      ...(version === undefined ? {} : { driver_version: version }),
      devices,
    }
  } catch (error) {
    const reason = reasonOf(error)
    return { is_available: false, reason: reason === 'ENOENT' ? 'no_driver' : reason }
  }
}

function fieldOf(information: string, name: string): string | undefined {
  const text = new RegExp(`^${name}:\\s*(\\S.*)$`, 'm').exec(information)?.[1]
  return text === undefined ? undefined : printable(text.trim()).slice(0, MAX_TEXT)
}

async function driverVersion(read: SystemFiles['read']): Promise<string | undefined> {
  const text = await read(`${DRIVER}/version`).catch(() => '')
  return /\s(\d{2,4}(?:\.\d{1,4}){1,2})\s/.exec(text)?.[1]
}

const hash = (identifier: string, salt: Uint8Array): string =>
  createHmac('sha256', salt).update(identifier).digest('hex')
