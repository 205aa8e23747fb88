import * as attest from '@nomyo/attest'
import * as policyFile from '@nomyo/attest/policy-file'
import * as receipt from '@nomyo/attest/receipt'
import * as client from '@nomyo/client'
import * as openaiFetch from '@nomyo/client/openai-fetch'
import * as crypto from '@nomyo/crypto'
import * as wire2 from '@nomyo/crypto/wire-2'
import * as transport from '@nomyo/transport'
import type { Libraries } from '../suites/suites.js'

/** The packages by their names, as any program imports them. */
export const libraries: Libraries = {
  attest,
  client,
  crypto,
  openaiFetch,
  policyFile,
  receipt,
  transport,
  wire2,
}
