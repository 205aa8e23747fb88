import { randomBytes } from 'node:crypto'
import { isRecord, type JsonObject } from '../json/json-object.js'
import { measureCudaDevice, type CudaDevice } from './cuda-device.js'
import { measureMemoryProtection, type MemoryProtection } from './memory-protection.js'
import { systemFiles } from './system-files.js'

/** Members of the sealed `_metadata` that describe the host of the gateway. */
export interface HostMetadata {
  readonly memory_protection: MemoryProtection & FromUpstream
  readonly cuda_device: CudaDevice & FromUpstream
}

/** The same member of the model server's own `_metadata`, as it sent it and not verified. */
interface FromUpstream {
  readonly upstream?: Readonly<Record<string, unknown>>
}

const MAX_AGE_MS = 10_000

/** Measurements of this host, repeated when they are older than ten seconds. */
export class HostMeasurements {
  readonly #salt = randomBytes(32)
  readonly #now: () => number
  #current: Promise<HostMetadata> | undefined
  #measuredAt = 0

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Returns measurements of this host, with those that the model server sent in its answer. */
  async describe(answer: JsonObject): Promise<HostMetadata> {
    const { memory_protection, cuda_device } = await this.read()
    const sent = answer.isSmall('_metadata') ? answer.member('_metadata') : undefined
    return {
      memory_protection: { ...memory_protection, ...upstreamValue(sent, 'memory_protection') },
      cuda_device: { ...cuda_device, ...upstreamValue(sent, 'cuda_device') },
    }
  }

  /** Returns measurements that are at most ten seconds old. Never rejects: what cannot be measured has a reason. */
  read(): Promise<HostMetadata> {
    const now = this.#now()
    if (this.#current === undefined || now - this.#measuredAt > MAX_AGE_MS) {
      this.#measuredAt = now
      this.#current = this.#measure()
    }
    return this.#current
  }

  async #measure(): Promise<HostMetadata> {
    const [memory_protection, cuda_device] = await Promise.all([
      measureMemoryProtection(systemFiles),
      measureCudaDevice(systemFiles, this.#salt),
    ])
    return { memory_protection, cuda_device }
  }
}

function upstreamValue(metadata: unknown, name: keyof HostMetadata): FromUpstream {
  if (!isRecord(metadata) || !Object.hasOwn(metadata, name)) return {}
  const value = metadata[name]
  return isRecord(value) ? { upstream: value } : {}
}
