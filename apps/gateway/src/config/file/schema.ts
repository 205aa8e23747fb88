import { z } from 'zod'
import { memberName, type Environment, type Flag, type Flags } from '../options/flag.js'
import { SECURITY_TIERS } from '../../access/security-tier.js'
import { isUpstreamUrl } from '../../upstreams/upstream-url.js'
import { secretSchema } from './secret.js'

/** What a config file may hold: a member for each flag, and what flags have no room for. */
export function fileSchema(flags: Flags, environment: Environment) {
  const secret = secretSchema(environment)
  // Which flags there are is not known to the type.
  const members: object = Object.fromEntries(
    Object.entries(flags)
      .filter(([, { fileless }]) => fileless !== true)
      .map(([name, flag]) => [memberName(name), flagSchema(flag, secret).optional()]),
  )
  return z
    .strictObject({
      ...members,
      upstreams: upstreamsSchema(secret).optional(),
      tiers: tiers.optional(),
      policyVersion: z
        .string()
        .regex(/^[\x21-\x7e]{1,64}$/, { error: 'must be 1 to 64 visible ASCII characters' })
        .optional(),
    })
    .refine(({ tiers, policyVersion }) => tiers !== undefined || policyVersion === undefined, {
      path: ['policyVersion'],
      error: 'needs tiers: without them there is no policy',
    })
    .refine((file) => !('upstream' in file && 'upstreams' in file), {
      path: ['upstreams'],
      error: 'has no room beside upstream: give one of them',
    })
}

type SecretSchema = ReturnType<typeof secretSchema>

/** What a value means is seen when it is read as that of a flag is. */
function flagSchema({ value, list, secret }: Flag, secretText: SecretSchema): z.ZodType {
  if (value === undefined) return z.boolean()
  const error = list === true ? 'must be text or a list of texts' : 'must be text or a number'
  const one: z.ZodType =
    secret === true ? secretText : z.union([z.string().min(1), z.number()], { error })
  if (list !== true) return one
  // Lists are handed on as variables hold them.
  const item = one.refine((text) => !String(text).includes(','), { error: 'must have no comma' })
  return z.preprocess(
    (given) => (Array.isArray(given) ? (given as unknown[]) : [given]),
    z.array(item),
  )
}

const text = z.string().min(1, { error: 'must not be empty' })
const rule = z
  .strictObject({
    models: z.array(text).min(1).optional(),
    requireAttestation: z.boolean().optional(),
    requireUpstreamTls: z.boolean().optional(),
  })
  .optional()
const tiers = z
  .strictObject({ standard: rule, high: rule, maximum: rule })
  .refine((given) => Object.keys(given).length > 0, { error: 'must have a tier' })
const milliseconds = z.int().min(1).max(3_600_000).optional()

function upstreamsSchema(secret: SecretSchema) {
  const upstream = z
    .strictObject({
      name: z.string().regex(/^[\w.-]{1,64}$/, {
        error: 'must be 1 to 64 letters, digits, dots, dashes or underscores',
      }),
      url: z.string().refine(isUpstreamUrl, {
        error: 'must be a URL such as http://127.0.0.1:11434/v1',
      }),
      apiKey: secret.optional(),
      caFile: text.optional(),
      models: z.array(text).min(1).optional(),
      weight: z.number().min(0.01).max(1000).optional(),
      maxConcurrent: z.int().min(1).optional(),
      tiers: z.array(z.enum(SECURITY_TIERS)).min(1).optional(),
      timeouts: z
        .strictObject({ connectMs: milliseconds, headersMs: milliseconds, totalMs: milliseconds })
        .optional(),
    })
    .refine(({ url, caFile }) => caFile === undefined || /^https:/i.test(url), {
      path: ['caFile'],
      error: 'is for a url of https://',
    })
  return z
    .array(upstream)
    .min(1)
    .superRefine((upstreams, context) => {
      const names = upstreams.map(({ name }) => name)
      for (const [at, name] of names.entries()) {
        if (names.indexOf(name) === at) continue
        context.addIssue({ code: 'custom', path: [at, 'name'], message: 'is the name of another' })
      }
    })
}
