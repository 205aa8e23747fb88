import { ConfidentialRefusal, errorObject } from '../../confidential-refusal.js'
import { folded } from '../../json/member-names.js'
import type { Identity } from '../api-keys/authenticate.js'
import { CHAT_ROUTE, type RouteMembers } from './route-members.js'
import { NOT_FOR_TIER, allows, forbidden, type TierRule } from './tier-policy.js'

/** Limits for the members of decrypted requests. */
export interface RequestRules {
  /** Largest `n` and `best_of`: answers that one request may ask for. Default 128, as OpenAI has it. */
  readonly maxChoices?: number | undefined
  /** Largest `max_tokens`, `max_completion_tokens` and `max_output_tokens`, also set where a request has none. Default: no limit. */
  readonly maxTokens?: number | undefined
  /**
   * Images, sound and videos that the model server would fetch from an address of the caller's choice.
   * Default: `forward`; `refuse` where models are restricted.
   */
  readonly remoteMedia?: 'forward' | 'refuse' | undefined
  /** Members that OpenAI's API does not have and {@link RequestRules.members} does not list. Default `forward`. */
  readonly unknownMembers?: 'forward' | 'refuse' | undefined
  /** Further members that are known, such as `top_k`. */
  readonly members?: readonly string[] | undefined
}

/** The part of a decrypted request that the rules read. */
export interface RequestMembers {
  readonly names: readonly string[]
  /** True where it refers to media by an address other than `data:`. */
  readonly hasRemoteMedia: boolean
  /** Name of a member in which further models are named, below the members that list them. Default: none. */
  readonly furtherModels?: string | undefined
  member(name: string): unknown
}

const DEFAULT_MAX_CHOICES = 128

/** Members that make a router ask another server, or ask with other credentials: no caller chooses those. */
const ADDRESSES = new Set([
  'api_base',
  'api_key',
  'api_version',
  'base_url',
  'extra_headers',
  'headers',
  'kv_transfer_params',
  'litellm_params',
  'model_list',
  'organization',
  'user_config',
])
/** Members with further models, of which each is as good as `model` to a router. */
const FURTHER_MODELS = [
  'models',
  'fallbacks',
  'context_window_fallbacks',
  'content_policy_fallbacks',
]
/** Members by which a router chooses other models or providers in a form of its own. */
const ROUTING = new Set([
  'context_window_fallback_dict',
  'custom_llm_provider',
  'deployment_id',
  'engine',
  'extra_body',
  'plugins',
  'preset',
  'provider',
  'route',
  'transforms',
])
/** Members that decide something on every route, or that the gateway sets or removes. */
const DECIDING = new Set([
  ...ADDRESSES,
  ...FURTHER_MODELS,
  ...ROUTING,
  ...['best_of', 'cache_salt', 'model', 'n', 'security_tier', 'stream', 'stream_options'],
])

/**
 * Returns the test of a model by API key and tier, or undefined where neither restricts models.
 *
 * @param rule - of the tier, where there is a policy
 */
export function modelRestriction(
  { models }: Identity,
  rule: TierRule | undefined,
): ((model: string) => boolean) | undefined {
  if (models === undefined && rule?.models === undefined) return undefined
  return (model) => (models?.includes(model) ?? true) && (rule === undefined || allows(rule, model))
}

/**
 * Checks a decrypted request against the rules. A model restriction covers every member that names a model
 * or routes around it.
 *
 * @param allowsModel - from {@link modelRestriction}
 * @param route - the members of its route. Default: those of chat completions
 * @returns members to set in the request that is forwarded
 * @throws ConfidentialRefusal 400 for a member beyond its limit, with an address, or in another spelling, 403 for one that could
 * choose a model that is not allowed
 */
export function applyRequestRules(
  request: RequestMembers,
  rules: RequestRules,
  allowsModel: ((model: string) => boolean) | undefined,
  route: RouteMembers = CHAT_ROUTE,
): Readonly<Record<string, number>> {
  const { names } = request
  const disguised = names.find((name) => isDisguised(name, route))
  if (disguised !== undefined) {
    throw refused(disguised, 'The request has a member in another spelling than the API')
  }
  const address = names.find((name) => ADDRESSES.has(name))
  if (address !== undefined) throw notForwarded(address)
  if (rules.unknownMembers === 'refuse') {
    const known = new Set(rules.members)
    const unknown = names.find((name) => !route.known.has(name) && !known.has(name))
    if (unknown !== undefined) throw notForwarded(unknown)
  }
  if (allowsModel !== undefined) restrictRouting(request, allowsModel)
  const remoteMedia = rules.remoteMedia ?? (allowsModel === undefined ? 'forward' : 'refuse')
  if (remoteMedia === 'refuse' && request.hasRemoteMedia) {
    throw refused(route.media, 'Media must be in the request itself, as data: URLs')
  }
  for (const name of ['n', 'best_of']) {
    if (exceeds(request.member(name), rules.maxChoices ?? DEFAULT_MAX_CHOICES)) {
      throw refused(name, 'The request asks for more choices than this gateway permits')
    }
  }
  return limitTokens(request, rules.maxTokens, route)
}

/** Checks for a name that a model server may take for another one, such as `Model`. */
function isDisguised(name: string, { known }: RouteMembers): boolean {
  const read = folded(name)
  return read !== name && (known.has(read) || DECIDING.has(read))
}

function restrictRouting(request: RequestMembers, allowsModel: (model: string) => boolean): void {
  const routing = request.names.find((name) => ROUTING.has(name))
  const further = routing ?? request.furtherModels
  if (further !== undefined) throw routed(further)
  for (const name of FURTHER_MODELS) {
    const further = request.member(name) ?? []
    const isAllowed = (model: unknown): boolean => typeof model === 'string' && allowsModel(model)
    // Any other form, such as an object with parameters, could name an address.
    if (!Array.isArray(further) || !further.every(isAllowed)) throw routed(name)
  }
}

function limitTokens(
  request: RequestMembers,
  limit: number | undefined,
  { tokenLimits }: RouteMembers,
): Readonly<Record<string, number>> {
  if (limit === undefined) return {}
  let hasLimit = false
  for (const name of tokenLimits) {
    const value = request.member(name) ?? undefined
    if (exceeds(value, limit)) {
      throw refused(name, 'The request asks for more tokens than this gateway permits')
    }
    hasLimit ||= value !== undefined
  }
  // Without a limit of its own, a request would get the one of the model.
  const [name] = tokenLimits
  return hasLimit || name === undefined ? {} : { [name]: limit }
}

/** Compares a limit that is absent or null as none; anything but a number exceeds every limit. */
function exceeds(value: unknown, limit: number): boolean {
  if (value === undefined || value === null) return false
  return !(typeof value === 'number' && value <= limit)
}

const notForwarded = (name: string): ConfidentialRefusal =>
  refused(name, 'The request has a member that this gateway does not forward')

/** Creates the refusal of a member. Its fixed text is sent in plaintext; its name only encrypted. */
const refused = (param: string, detail: string): ConfidentialRefusal => {
  const facts = { message: `${detail}: ${param}`, type: 'invalid_request_error', param }
  return new ConfidentialRefusal(400, detail, errorObject(400, { ...facts, code: 'invalid_value' }))
}

const routed = (param: string): ConfidentialRefusal =>
  forbidden(NOT_FOR_TIER, {
    message: `The member ${param} could choose a model that is not allowed.`,
    code: 'model_not_allowed',
    param,
  })
