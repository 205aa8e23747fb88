import type { KeyPem } from '../../key.js'
import type { Contender, ContenderName } from '../contender.js'
import { floor } from './floor.js'
import { hpke } from './hpke.js'
import { jose } from './jose.js'
import { naive } from './naive.js'
import { ours } from './ours.js'
import { webcrypto } from './webcrypto.js'

/** Every contender by its name. */
export const CONTENDER_MAKERS: Readonly<
  Record<ContenderName, (pem: KeyPem) => Contender | Promise<Contender>>
> = { ours, naive, webcrypto, jose, hpke, floor }
