import { missingPrograms } from './proxy.js'

/** Says once what is left out. */
export function setup(): void {
  const missing = missingPrograms()
  if (missing.length > 0) {
    console.info(`live tests of replicas skipped: no ${missing.join(', no ')}`)
  }
}
