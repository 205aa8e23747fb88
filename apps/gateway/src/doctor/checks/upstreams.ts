import { errnoCode, ok, problem, warning, type Finding } from '@nomyo-internal/diagnostics'
import { matchesModel } from '../../access/model-pattern.js'
import { SECURITY_TIERS, type PolicyConfig } from '../../access/tier-policy.js'
import { readCaFile } from '../../upstreams/ca-file.js'
import { isPrivateUrl, upstreamsOf } from '../../upstreams/create-upstreams.js'
import { parseModelNames } from '../../upstreams/model-names.js'
import type { UpstreamConfig } from '../../upstreams/upstream.js'
import { httpGet } from '../http-get.js'
import type { Check } from '../check.js'
import { GatewayError } from '../../errors.js'

const LIMITS = { timeoutMs: 5000, maxBytes: 1024 * 1024 }

/** Checks the model servers, their keys and models. Requests no completion. */
export const upstreamsCheck: Check = {
  name: 'upstreams',
  run: async ({ engine, policy }) => {
    if (engine.kind === 'demo') return [ok('none: the demo engine has no model server')]
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
  const { name, url, models: configured } = upstream
  const findings = isPrivateUrl(url) || isInPrivateNetwork(url) ? [] : [plaintext(upstream)]
  const failed = (message: string, remedy: string, ms?: number): Result => ({
    findings: [...findings, problem(`${name}: ${message}`, remedy, ms)],
  })
  const { host } = new URL(url)
  const startedAt = performance.now()
  try {
    const answer = await fetchModels(upstream)
    const ms = performance.now() - startedAt
    const { models } = answer
    if (models === undefined) {
      const message = `GET ${modelsUrl(url)} has status ${answer.status}`
      return failed(message, remedyForStatus(answer.status, url), ms)
    }
    const used = models.filter(
      (model) => configured === undefined || matchesModel(configured, model),
    )
    const missing = (configured ?? []).filter((pattern) => !models.some(matches(pattern)))
    return {
      findings: [
        ...findings,
        ok(`${name}: ${host} has ${models.length} models, of which ${used.length} are used`, ms),
        ...missing.map((pattern) =>
          warning(`${name}: has no model ${pattern}`, 'load the model there, or fix its name'),
        ),
      ],
      models: used,
    }
  } catch (error) {
    if (error instanceof GatewayError) {
      const remedy = 'name a PEM file of CA certificates with --upstream-ca, or caFile'
      return failed(error.message, remedy)
    }
    const code = errnoCode(error)
    return failed(
      `${host} is unreachable (${code})`,
      remedyFor(code),
      performance.now() - startedAt,
    )
  }
}

interface ModelsAnswer {
  readonly status: string
  readonly models?: readonly string[]
}

/** @throws and errors of the connection */
async function fetchModels({ url, apiKey, caFile }: UpstreamConfig): Promise<ModelsAnswer> {
  const { status, text } = await httpGet(modelsUrl(url), {
    ...LIMITS,
    connect: caFile === undefined ? {} : { ca: [...readCaFile(caFile)] },
    headers: {
      accept: 'application/json',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
  })
  if (status !== 200) return { status: String(status) }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return { status: '200', models: parseModelNames(value as Record<string, unknown>) }
    }
  } catch {
    // The same as JSON of another kind.
  }
  return { status: '200, but no list of models' }
}

const modelsUrl = (url: string): string => `${url.replace(/\/+$/, '')}/models`

function remedyFor(code: string): string {
  if (/^(?:ENOTFOUND|EAI_AGAIN)$/.test(code)) return 'check the name, and the DNS of this machine'
  if (code === 'ECONNREFUSED') return 'start the model server, or check the port'
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'use a name that its certificate is for'
  if (/SELF_SIGNED|UNABLE_TO|ISSUER|SIGNATURE/.test(code)) {
    return 'name the CA of its certificate with --upstream-ca, or caFile'
  }
  if (code === 'CERT_HAS_EXPIRED') return 'renew the certificate of the model server'
  if (/SSL|EPROTO|Parser/.test(code)) {
    return 'check that it speaks HTTP: with TLS its URL is https://, without http://'
  }
  return 'check address, network and firewall; without TLS its URL is http://'
}

function remedyForStatus(status: string, url: string): string {
  if (status === '401' || status === '403') {
    return 'the upstream key is wrong or missing: check NOMYO_UPSTREAM_KEY, or apiKey'
  }
  if (status === '404' || status.startsWith('200')) {
    return /\/v1\/*$/.test(url)
      ? 'set the base URL of an OpenAI-compatible server'
      : `base URLs usually end in /v1: try ${new URL(url).origin}/v1`
  }
  return 'see the log of the model server'
}

const plaintext = ({ name, url }: UpstreamConfig): Finding =>
  warning(
    `${name}: prompts travel to ${new URL(url).host} in plaintext`,
    'set up TLS there, and use a URL of https://',
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
      warning(`tiers: no upstream has a model ${pattern}`, 'load the model, or fix its name'),
    )
}

/** Checks for addresses that are not routed from outside (RFC 1918, 4193, 3927, 4291). */
function isInPrivateNetwork(url: string): boolean {
  return /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|\[f[cd]|\[fe[89ab])/.test(
    new URL(url).hostname,
  )
}
