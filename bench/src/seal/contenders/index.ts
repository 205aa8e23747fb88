import type { KeyPem } from '../../harness/run-context.js'
import type { Contender, ContenderName } from '../contender.js'
import { baseline } from './baseline.js'
import { hpke } from './hpke.js'
import { jose } from './jose.js'
import { naive } from './naive.js'
import { ours } from './ours.js'
import { webcrypto } from './webcrypto.js'

/** The contenders by name. */
export const CONTENDER_MAKERS: Readonly<
  Record<ContenderName, (pem: KeyPem) => Contender | Promise<Contender>>
> = { ours, naive, webcrypto, jose, hpke, baseline }
