import type { AppraisalResult } from './appraisal.js'
import type { BundleResult } from './bundles.js'
import type { CallResult } from './call/call.js'
import type { ColdResult } from './cold/cold.js'
import type { GatewayResult } from './gateway/gateway.js'
import type { MemoryResult } from './memory/memory.js'
import type { SealResult } from './seal/seal.js'

/** All of a run; what was not asked for is absent. */
export interface Results {
  readonly seal?: SealResult
  readonly call?: CallResult
  readonly cold?: ColdResult
  readonly memory?: MemoryResult
  readonly gateway?: GatewayResult
  readonly appraisal?: AppraisalResult
  readonly bundles?: BundleResult
}

/** In the order they are measured and shown. */
export const SECTIONS = [
  'seal',
  'call',
  'cold',
  'memory',
  'gateway',
  'appraisal',
  'bundles',
] as const
export type Section = (typeof SECTIONS)[number]
