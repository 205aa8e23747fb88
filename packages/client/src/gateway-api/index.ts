export {
  fetchKeyEvidence,
  fetchStatementEvidence,
  type FetchKeyEvidenceOptions,
  type FetchStatementEvidenceOptions,
  type KeyEvidence,
  type StatementEvidence,
} from './evidence.js'
export type { GatewayRequestOptions } from './get.js'
export { fetchModels, type FetchModelsOptions, type ModelList } from './models.js'
export { fetchPublicKey, type FetchedPublicKey, type FetchPublicKeyOptions } from './public-key.js'
export { fetchStatement, type FetchedStatement, type FetchStatementOptions } from './statement.js'
