export { formatPolicyFile, parsePolicyFile, type PolicyFile } from './policy-file.js'
