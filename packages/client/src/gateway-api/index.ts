export { fetchKeyEvidence, type FetchKeyEvidenceOptions, type KeyEvidence } from './evidence.js'
export type { GatewayRequestOptions } from './get.js'
export { fetchModels, type FetchModelsOptions, type ModelList } from './models.js'
export { fetchPublicKey, type FetchedPublicKey, type FetchPublicKeyOptions } from './public-key.js'
