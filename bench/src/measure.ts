import { measureAppraisal } from './appraisal.js'
import { measureBundles } from './bundles.js'
import { measureCalls } from './call/call.js'
import { measureCold } from './cold/cold.js'
import { measureGateway } from './gateway/gateway.js'
import { createRunContext } from './harness/run-context.js'
import { measureMemory } from './memory/memory.js'
import type { Results, Section } from './results.js'
import { measureSeal } from './seal/seal.js'

/** Measures the given sections one after the other. */
export async function measure(only: readonly Section[], quick: boolean): Promise<Results> {
  const context = createRunContext(quick)
  const isSelected = (section: Section): boolean => only.includes(section)
  return {
    ...(isSelected('seal') && { seal: await measureSeal(context) }),
    ...(isSelected('call') && { call: await measureCalls(context) }),
    ...(isSelected('cold') && { cold: await measureCold(context) }),
    ...(isSelected('memory') && { memory: await measureMemory(context) }),
    ...(isSelected('gateway') && { gateway: await measureGateway(context) }),
    ...(isSelected('appraisal') && { appraisal: await measureAppraisal(context) }),
    ...(isSelected('bundles') && { bundles: await measureBundles(context) }),
  }
}
