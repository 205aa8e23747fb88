export { TpmParseError } from '../attest-error.js'
export { decodeEvidence, type TpmEvidence } from '../evidence/evidence.js'
export { formatPcrSelection, parsePcrSelection, type PcrSelection } from './pcr-selection.js'
export {
  parseAttest,
  type CertifyInfo,
  type ClockInfo,
  type CreationInfo,
  type OtherInfo,
  type QuoteInfo,
  type SignedSelection,
  type TpmsAttest,
} from './attest.js'
export {
  HASHES,
  TPMA_OBJECT,
  TPM_ALG,
  TPM_ECC_CURVE,
  TPM_GENERATED_VALUE,
  TPM_RH,
  TPM_ST,
  hashName,
  type HashAlgorithm,
  type HashName,
  type Hierarchy,
} from './constants.js'
export { computeName, computeQualifiedName } from './name.js'
export {
  parsePublic,
  type AsymmetricScheme,
  type EccPublic,
  type RsaPublic,
  type SymmetricDefinition,
  type TpmtPublic,
} from './public.js'
export { parseSignature, type TpmtSignature } from './signature.js'
