import { measureAppraisal } from './appraisal.js'
import { measureBundles } from './bundles.js'
import { measureCalls } from './call/call.js'
import { measureCold } from './cold/cold.js'
import { measureGateway } from './gateway/gateway.js'
import { makeKey } from './key.js'
import { measureMemory } from './memory/memory.js'
import type { Progress } from './progress.js'
import type { Results, Section } from './results.js'
import { measureSeal } from './seal/seal.js'

/** Measures the sections asked for, one after the other. */
export async function measure(
  only: readonly Section[],
  progress: Progress,
  quick: boolean,
): Promise<Results> {
  const pem = makeKey()
  const isWanted = (section: Section): boolean => only.includes(section)
  return {
    ...(isWanted('seal') && { seal: await measureSeal(pem, progress, quick) }),
    ...(isWanted('call') && { call: await measureCalls(pem, progress, quick) }),
    ...(isWanted('cold') && { cold: await measureCold(pem, progress, quick) }),
    ...(isWanted('memory') && { memory: await measureMemory(pem, progress, quick) }),
    ...(isWanted('gateway') && { gateway: await measureGateway(pem, progress, quick) }),
    ...(isWanted('appraisal') && { appraisal: await measureAppraisal(progress, quick) }),
    ...(isWanted('bundles') && { bundles: await measureBundles(progress) }),
  }
}
