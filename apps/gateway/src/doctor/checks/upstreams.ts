import { Agent, request } from 'undici'
import { readCaFile, CaFileError } from '../../upstreams/ca-file.js'
import { upstreamsOf } from '../../upstreams/create-upstreams.js'
import { parseModelNames } from '../../upstreams/model-names.js'
import type { UpstreamConfig } from '../../upstreams/upstream.js'
import { matchesModel } from '../../access/model-pattern.js'
import { SECURITY_TIERS } from '../../access/security-tier.js'
import type { PolicyConfig } from '../../access/tier-policy.js'
import { isPrivateUrl } from '../../upstreams/upstream-url.js'
import { ok, problem, warning, type Check, type Finding } from '../finding.js'
import { reasonOf } from '../reason.js'

const TIMEOUT_MS = 5000
const MAX_ANSWER_BYTES = 1024 * 1024

/** The model servers: the way to them, their keys and models. No completion is asked for. */
export const upstreamsCheck: Check = {
  name: 'upstreams',
  run: async ({ engine, policy }) => {
    if (engine.kind === 'demo') return [ok('none: the demo engine asks no server')]
    const looks = await Promise.all(upstreamsOf(engine).map(lookAt))
    const models = looks.map((look) => look.models)
    // Who did not say what it has may have what is missing.
    const known = models.every((names) => names !== undefined) ? models.flat() : undefined
    return [...looks.flatMap(({ findings }) => findings), ...lookAtPolicy(policy, known)]
  },
}

interface Look {
  readonly findings: readonly Finding[]
  readonly models: readonly string[] | undefined
}

async function lookAt(upstream: UpstreamConfig): Promise<Look> {
  const { name, url, models: wanted } = upstream
  const findings = isPrivateUrl(url) || isOfPrivateNetwork(url) ? [] : [inTheClear(upstream)]
  const startedAt = performance.now()
  const answer = await askForModels(upstream)
  const ms = performance.now() - startedAt
  if (answer instanceof CaFileError) {
    const remedy = 'name a PEM file of CA certificates with --upstream-ca, or caFile'
    return {
      findings: [...findings, problem(`${name}: ${answer.message}`, remedy)],
      models: undefined,
    }
  }
  if (typeof answer === 'string') {
    const seen = `${name}: ${placeOf(url)} cannot be had (${answer})`
    return { findings: [...findings, problem(seen, remedyFor(answer), ms)], models: undefined }
  }
  if (answer.models === undefined) {
    const seen = `${name}: GET ${url.replace(/\/+$/, '')}/models is ${answer.status}`
    const remedy = remedyForStatus(answer.status, url)
    return { findings: [...findings, problem(seen, remedy, ms)], models: undefined }
  }
  const { models } = answer
  const served = models.filter((model) => wanted === undefined || matchesModel(wanted, model))
  const seen = `${name}: ${placeOf(url)} has ${models.length} models, asked for ${served.length} of them`
  const missing = (wanted ?? []).filter((pattern) => !models.some(isOne(pattern)))
  return {
    findings: [...findings, ok(seen, ms), ...missing.map((pattern) => lacks(name, pattern))],
    models: served,
  }
}

type Answer = { status: string; models: readonly string[] | undefined } | CaFileError | string

/** What came, or why nothing did. */
async function askForModels({ url, apiKey, caFile }: UpstreamConfig): Promise<Answer> {
  let agent: Agent | undefined
  try {
    const trust = caFile === undefined ? {} : { ca: [...readCaFile(caFile)] }
    agent = new Agent({ connect: trust, maxResponseSize: MAX_ANSWER_BYTES })
    const { statusCode, body } = await request(`${url.replace(/\/+$/, '')}/models`, {
      dispatcher: agent,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        accept: 'application/json',
        ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      },
    })
    if (statusCode !== 200) return { status: String(statusCode), models: undefined }
    return parse(await body.text())
  } catch (error) {
    return error instanceof CaFileError ? error : reasonOf(error)
  } finally {
    await agent?.destroy()
  }
}

function parse(text: string): Answer {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return { status: '200', models: parseModelNames(value as Record<string, unknown>) }
    }
  } catch {
    // The same as JSON of another kind.
  }
  return { status: '200, but no list of models', models: undefined }
}

function remedyFor(reason: string): string {
  if (/^(?:ENOTFOUND|EAI_AGAIN)$/.test(reason)) return 'check the name, and the DNS of this machine'
  if (reason === 'ECONNREFUSED') return 'start the model server, or check the port'
  if (reason === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'use a name that its certificate is for'
  if (/SELF_SIGNED|UNABLE_TO|ISSUER|SIGNATURE/.test(reason)) {
    return 'name the CA of its certificate with --upstream-ca, or caFile'
  }
  if (reason === 'CERT_HAS_EXPIRED') return 'renew the certificate of the model server'
  if (/SSL|EPROTO|Parser/.test(reason)) {
    return 'see whether it speaks HTTP: with TLS its URL is https://, without http://'
  }
  return 'check address, network and firewall; without TLS its URL is http://'
}

function remedyForStatus(status: string, url: string): string {
  if (status === '401' || status === '403') {
    return 'the upstream key is wrong or missing: check NOMYO_UPSTREAM_KEY, or apiKey'
  }
  if (status === '404' || status.startsWith('200')) {
    return /\/v1\/*$/.test(url)
      ? 'give the base URL of an OpenAI-compatible server'
      : `base URLs usually end in /v1: try ${new URL(url).origin}/v1`
  }
  return 'look into the log of the model server'
}

const inTheClear = ({ name, url }: UpstreamConfig): Finding =>
  warning(
    `${name}: prompts travel to ${placeOf(url)} in the clear`,
    'give it a certificate, and a URL of https://',
  )

const lacks = (name: string, pattern: string): Finding =>
  warning(`${name}: has no model ${pattern}`, 'load the model there, or mend the name in models')

const isOne =
  (pattern: string) =>
  (model: string): boolean =>
    matchesModel([pattern], model)

/** Models of tiers that nobody has. */
function lookAtPolicy(
  policy: PolicyConfig | undefined,
  models: readonly string[] | undefined,
): readonly Finding[] {
  const patterns = SECURITY_TIERS.flatMap((tier) => policy?.tiers[tier]?.models ?? [])
  return [...new Set(patterns)]
    .filter((pattern) => models?.some(isOne(pattern)) === false)
    .map((pattern) =>
      warning(`tiers: no upstream has a model ${pattern}`, 'load the model, or mend the name'),
    )
}

const placeOf = (url: string): string => new URL(url).host

/** Addresses nobody routes from outside (RFC 1918, 4193, 3927, 4291). */
function isOfPrivateNetwork(url: string): boolean {
  return /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|\[f[cd]|\[fe[89ab])/.test(
    new URL(url).hostname,
  )
}
