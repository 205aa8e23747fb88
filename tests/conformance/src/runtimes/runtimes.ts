import { chromium } from './chromium.js'
import { processRuntimes } from './processes.js'
import type { Runtime } from './runtime.js'
import { workerd } from './workerd.js'

/** All runtimes that the packages support. */
export const RUNTIMES: readonly Runtime[] = [...processRuntimes, workerd, chromium]
