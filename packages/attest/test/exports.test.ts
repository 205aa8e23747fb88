import { expect, it } from 'vitest'
import * as certify from '../src/certify/index.js'
import * as credential from '../src/credential/index.js'
import * as eventlog from '../src/eventlog/index.js'
import * as ima from '../src/ima/index.js'
import * as main from '../src/index.js'
import * as policyFile from '../src/policy/file.js'
import * as receipt from '../src/receipt/index.js'
import * as structures from '../src/structures/index.js'
import * as x509 from '../src/x509/index.js'

it('exports exactly this', () => {
  const entries = {
    main,
    structures,
    x509,
    certify,
    credential,
    eventlog,
    ima,
    policyFile,
    receipt,
  }
  const exported = Object.fromEntries(
    Object.entries(entries).map(([name, entry]) => [name, Object.keys(entry).sort()]),
  )
  expect(exported).toMatchInlineSnapshot(`
    {
      "certify": [
        "certifiedBy",
        "pcrPolicyDigest",
        "verifyCertify",
        "verifyCreation",
      ],
      "credential": [
        "activatedAk",
        "makeCredential",
        "pinnedEk",
      ],
      "eventlog": [
        "EVENT_TYPE",
        "isDataMeasured",
        "measuredBoot",
        "parseEventLog",
        "replayEventLog",
      ],
      "ima": [
        "imaLog",
        "parseImaLog",
        "replayImaLog",
      ],
      "main": [
        "AttestationError",
        "CHECK_IDS",
        "PolicyError",
        "TpmParseError",
        "appraise",
        "attestationPolicy",
        "formatPcrSelection",
        "keyBindingExtraData",
        "parsePcrSelection",
        "payloadIdExtraData",
        "pinnedAk",
        "requireTier",
      ],
      "policyFile": [
        "formatPolicyFile",
        "parsePolicyFile",
      ],
      "receipt": [
        "RECEIPT_FORMAT",
        "appraiseReceipt",
        "createReceipt",
        "digestMatches",
        "parseReceipt",
      ],
      "structures": [
        "HASHES",
        "TPMA_OBJECT",
        "TPM_ALG",
        "TPM_ECC_CURVE",
        "TPM_GENERATED_VALUE",
        "TPM_RH",
        "TPM_ST",
        "TpmParseError",
        "computeName",
        "computeQualifiedName",
        "decodeEvidence",
        "formatPcrSelection",
        "hashName",
        "parseAttest",
        "parsePcrSelection",
        "parsePublic",
        "parseSignature",
      ],
      "x509": [
        "akCertificate",
        "ekCertificate",
      ],
    }
  `)
})
