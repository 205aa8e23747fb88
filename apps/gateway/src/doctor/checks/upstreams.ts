import { errnoCode, ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { matchesModel } from '../../access/policy/model-pattern.js'
import { SECURITY_TIERS, type PolicyConfig } from '../../access/policy/tier-policy.js'
import { readCaFile } from '../../upstreams/server/ca-file.js'
import { isPrivateUrl, upstreamsOf } from '../../upstreams/pool/plan-upstreams.js'
import { parseModelList } from '../../upstreams/server/model-names.js'
import { baseUrl, healthUrl } from '../../upstreams/server/openai-compatible.js'
import type { UpstreamConfig } from '../../upstreams/pool/upstream.js'
import { httpGet } from '../http-get.js'
import type { Check } from '../check.js'
import { GatewayError } from '../../errors.js'

const LIMITS = { timeoutMs: 5000, maxBytes: 1024 * 1024 }

/** Checks the model servers, their keys and models. Requests no completion. */
export const upstreamsCheck: Check = {
  name: 'upstreams',
  run: async ({ engine, policy }) => {
    if (engine.kind === 'demo') return [ok('none: the demo engine has no model server')]
    if (engine.kind === 'model') return [ok('none: the model runs in this process')]
    const results = await Promise.all(upstreamsOf(engine).map(check))
    const models = results.map((result) => result.models)
    // A server that does not list its models may have those that seem to be missing.
    const known = models.every((names) => names !== undefined) ? models.flat() : undefined
    return [...results.flatMap(({ findings }) => findings), ...checkPolicy(policy, known)]
  },
}

interface Result {
  readonly findings: readonly Finding[]
  /** Models of the server that requests may name; undefined where it lists none. */
  readonly models?: readonly string[]
}

async function check(upstream: UpstreamConfig): Promise<Result> {
  const { name, url, healthPath } = upstream
  const findings: Finding[] =
    isPrivateUrl(url) || isInPrivateNetwork(url) ? [] : [plaintext(upstream)]
  const startedAt = performance.now()
  const result = (...more: readonly Finding[]): Result => ({ findings: [...findings, ...more] })
  const failed = (message: string, remedy: string): Result =>
    result(problem(`${name}: ${message}`, remedy, performance.now() - startedAt))
  try {
    const get = getterFor(upstream)
    const list = await get(`${baseUrl(url)}/models`)
    const health = healthPath === undefined ? list : await get(healthUrl(url, healthPath))
    if (health.status >= 500) {
      const message = `GET ${healthUrl(url, healthPath)} has status ${health.status}`
      return failed(message, 'see the log of the model server')
    }
    const refused = [
      { at: `${baseUrl(url)}/models`, ...list },
      { at: healthUrl(url, healthPath), ...health },
    ].find(({ status }) => isKeyRefused(status))
    if (refused !== undefined) {
      return failed(
        `GET ${refused.at} has status ${refused.status}`,
        'its API key is wrong or missing: check NOMYO_UPSTREAM_KEY, or apiKey in the config file',
      )
    }
    if (healthPath !== undefined && health.status >= 400) findings.push(noHealth(upstream, health))
    const models = list.status === 200 ? parseModelList(list.text)?.names : undefined
    if (models === undefined) return result(await explainNoList(upstream, list.status, get))
    return checkModels(upstream, models, findings, performance.now() - startedAt)
  } catch (error) {
    if (error instanceof GatewayError) {
      return failed(
        error.message,
        'name a PEM file of CA certificates with --upstream-ca, or caFile',
      )
    }
    const code = errnoCode(error)
    if (code === 'TimeoutError') {
      return failed(
        `${new URL(url).host} does not answer within ${LIMITS.timeoutMs / 1000} seconds`,
        'check whether the model server is still loading, overloaded, or behind a firewall',
      )
    }
    return failed(`${new URL(url).host} is unreachable (${code})`, remedyFor(code))
  }
}

function checkModels(
  { name, url, models: configured }: UpstreamConfig,
  models: readonly string[],
  findings: readonly Finding[],
  ms: number,
): Result {
  const used = models.filter((model) => configured === undefined || matchesModel(configured, model))
  const missing = (configured ?? []).filter((pattern) => !models.some(matches(pattern)))
  const { host } = new URL(url)
  return {
    findings: [
      ...findings,
      ok(`${name}: ${host} lists ${amountOf(models)}, of which ${used.length} may be used`, ms),
      ...missing.map((pattern) =>
        warning(
          `${name}: lists no model ${pattern}`,
          'load the model there, or correct its name in the config file',
        ),
      ),
    ],
    models: used,
  }
}

const amountOf = ({ length }: readonly string[]): string =>
  `${length} model${length === 1 ? '' : 's'}`

type Get = (url: string) => Promise<{ readonly status: number; readonly text: string }>

/**
 * Creates a GET with the settings of a model server.
 *
 * @throws GatewayError `ERR_CA_FILE`
 */
function getterFor({ apiKey, caFile }: UpstreamConfig): Get {
  const options = {
    ...LIMITS,
    connect: caFile === undefined ? {} : { ca: [...readCaFile(caFile)] },
    headers: {
      accept: 'application/json',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
  }
  return (url) => httpGet(url, options)
}

const isKeyRefused = (status: number): boolean => status === 401 || status === 403

/** Finds out whether a server without a list of models is one at all, and under which URL. */
async function explainNoList(
  { name, url, models }: UpstreamConfig,
  status: number,
  get: Get,
): Promise<Finding> {
  const base = baseUrl(url)
  const at = `GET ${base}/models`
  const withVersion = `${new URL(url).origin}/v1`
  if (base !== withVersion) {
    const other = await get(`${withVersion}/models`).catch(() => undefined)
    if (other?.status === 200 && parseModelList(other.text) !== undefined) {
      return problem(`${name}: ${at} has status ${status}`, `use the URL ${withVersion}`)
    }
  }
  if (status === 200) {
    const message = `${name}: ${at} has status 200, but no list of models`
    const completions = await get(`${base}/chat/completions`).catch(() => undefined)
    // A web page answers every path alike; a model server refuses GET there.
    if (completions?.status === 200) {
      return problem(message, 'set the base URL of an OpenAI-compatible server')
    }
    return warning(message, 'name its models in the config file, as models of this upstream')
  }
  const completions = await get(`${base}/chat/completions`).catch(() => undefined)
  if (completions?.status === 404) {
    return problem(
      `${name}: neither ${base}/models nor ${base}/chat/completions exists`,
      base.endsWith('/v1')
        ? 'set the base URL of an OpenAI-compatible server'
        : `base URLs usually end in /v1: try ${withVersion}`,
    )
  }
  return models === undefined
    ? warning(
        `${name}: reachable, but lists no models (${at} has status ${status})`,
        'name its models in the config file, as models of this upstream',
      )
    : ok(`${name}: reachable; it lists no models, and the config file names them`)
}

function remedyFor(code: string): string {
  if (/^(?:ENOTFOUND|EAI_AGAIN)$/.test(code)) return 'check the name, and the DNS of this machine'
  if (code === 'ECONNREFUSED') return 'start the model server, or check the port'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'use a host name that its certificate covers'
  if (/SELF_SIGNED|UNABLE_TO|ISSUER|SIGNATURE/.test(code)) {
    return 'name the CA of its certificate with --upstream-ca, or caFile'
  }
  if (code === 'CERT_HAS_EXPIRED') return 'renew the certificate of the model server'
  if (/SSL|EPROTO|Parser/.test(code)) {
    return 'check that it speaks HTTP: its URL is https:// with TLS, and http:// without'
  }
  return 'check the address, the network and firewalls; without TLS, its URL is http://'
}

const plaintext = ({ name, url }: UpstreamConfig): Finding =>
  warning(
    `${name}: prompts travel to ${new URL(url).host} in plaintext`,
    'set up TLS there, and use an https:// URL',
  )

/** Such an answer proves presence, so the mistake would go unnoticed. */
const noHealth = (
  { name, url, healthPath }: UpstreamConfig,
  { status }: { readonly status: number },
): Finding =>
  warning(
    `${name}: GET ${healthUrl(url, healthPath)} has status ${status}, which counts as present`,
    'fix --health-path, or healthPath: from the root of the server with a leading slash, else below the URL',
  )

const matches =
  (pattern: string) =>
  (model: string): boolean =>
    matchesModel([pattern], model)

/** Warns of models of tiers that no upstream has. */
function checkPolicy(
  policy: PolicyConfig | undefined,
  models: readonly string[] | undefined,
): readonly Finding[] {
  const patterns = SECURITY_TIERS.flatMap((tier) => policy?.tiers[tier]?.models ?? [])
  return [...new Set(patterns)]
    .filter((pattern) => models?.some(matches(pattern)) === false)
    .map((pattern) =>
      warning(
        `tiers: no upstream lists a model ${pattern}`,
        'load the model, or correct its name in the config file',
      ),
    )
}

/** Checks for addresses that are not routed from outside (RFC 1918, 4193, 3927, 4291). */
function isInPrivateNetwork(url: string): boolean {
  return /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|\[f[cd]|\[fe[89ab])/.test(
    new URL(url).hostname,
  )
}
