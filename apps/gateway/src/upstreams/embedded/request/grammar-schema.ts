import { isRecord } from '../../../json/json-object.js'
import { unsupported } from '../refusals.js'
import { isTooAmbiguous } from './ambiguity.js'

type Schema = Readonly<Record<string, unknown>>

/** Limits of a schema: its grammar is made and followed by code that trusts it. */
const MAX_DEPTH = 32
const MAX_NODES = 5000
/** Length of a text in a grammar that takes as long as a node. */
const CHARACTERS_PER_NODE = 100
const MAX_DEFINITIONS = 200
const MAX_REPETITIONS = 1000

/** Constraints that a grammar cannot follow. */
const CONSTRAINTS = [
  ...['pattern', 'multipleOf', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  ...['uniqueItems', 'contains', 'minContains', 'maxContains', 'not', 'if', 'then', 'else'],
  ...['patternProperties', 'propertyNames', 'dependentRequired', 'dependentSchemas'],
  ...['unevaluatedProperties', 'unevaluatedItems', '$dynamicRef'],
]
const FORMATS = new Set(['date-time', 'date', 'time'])
const SIMPLE_TYPES = ['string', 'number', 'integer', 'boolean', 'null']
/** Places of definitions that a `$ref` may name. */
const DEFINITIONS = ['$defs', 'definitions']
/** Name of the whole schema as a definition. */
const ROOT = '__root'

/** Settings of {@link toGrammarSchema}. */
export interface GrammarSchemaOptions {
  /** Member of the request that has the schema. */
  readonly param: string
  /** Refuses constraints that a grammar cannot follow, which are ignored otherwise. */
  readonly strict: boolean
  /** Size of the schemas of the request that were translated before, which counts too. */
  readonly size?: { nodes: number } | undefined
}

/**
 * Translates a JSON Schema into the part of it from which the library makes grammars. Every value that the
 * grammar permits has all members of its objects, optional ones too.
 *
 * @throws UpstreamRefusal
 */
export function toGrammarSchema(schema: unknown, options: GrammarSchemaOptions): object {
  const translation = new Translation(options)
  const root = translation.of(schema, 0)
  const given = isRecord(schema) ? definitionsOf(schema) : []
  if (given.length > MAX_DEFINITIONS) throw translation.refused('has too many definitions')
  const defs = given.map(([name, value]) => [name, translation.of(value, 0)] as const)
  const $defs: Readonly<Record<string, Schema>> = Object.fromEntries([
    ...defs,
    ...(translation.references.has(ROOT) ? [[ROOT, root] as const] : []),
  ])
  translation.checkReferences($defs)
  if (isTooAmbiguous(root, $defs)) {
    throw translation.refused('has alternatives that begin alike within others')
  }
  return translation.references.size === 0 ? root : { ...root, $defs }
}

class Translation {
  readonly #options: GrammarSchemaOptions
  /** Names of definitions that are referred to. */
  readonly references = new Set<string>()
  readonly #size: { nodes: number }

  constructor(options: GrammarSchemaOptions) {
    this.#options = options
    this.#size = options.size ?? { nodes: 0 }
  }

  of(schema: unknown, depth: number): Schema {
    this.#size.nodes++
    if (depth > MAX_DEPTH || this.#size.nodes > MAX_NODES) throw this.refused('is too large')
    if (schema === true) return anyValue()
    if (!isRecord(schema)) throw this.refused('has a part that is not a schema')
    if (this.#options.strict) {
      const constraint = CONSTRAINTS.find((name) => Object.hasOwn(schema, name))
      if (constraint !== undefined) throw this.refused(`has ${constraint}, which is not supported`)
    }
    const { $ref, allOf, anyOf, oneOf = anyOf, type } = schema
    const inner = (value: unknown): Schema => this.of(value, depth + 1)
    if ($ref !== undefined) return this.#reference($ref)
    if (Array.isArray(allOf)) {
      if (allOf.length === 1) return inner(allOf[0])
      throw this.refused('has allOf with several parts, which is not supported')
    }
    if (Array.isArray(oneOf) && oneOf.length > 0) return { oneOf: oneOf.map(inner) }
    if (Object.hasOwn(schema, 'const')) return this.#literals([schema['const']])
    if (Array.isArray(schema['enum'])) return this.#literals(schema['enum'])
    if (Array.isArray(type)) {
      if (type.length === 0) throw this.refused('has an empty list of types')
      return { oneOf: type.map((one: unknown) => inner({ ...schema, type: one })) }
    }
    return described(schema, this.#typed(schema, inner))
  }

  checkReferences(defs: Readonly<Record<string, unknown>>): void {
    for (const name of this.references) {
      if (!Object.hasOwn(defs, name)) throw this.refused('refers to a definition that is missing')
      // The grammar of a definition that is only another name would have no end.
      const seen = new Set<string>()
      for (let at: string | undefined = name; at !== undefined; at = aliasOf(defs[at])) {
        if (seen.has(at)) throw this.refused('has definitions that refer to each other only')
        seen.add(at)
      }
    }
  }

  #typed(schema: Schema, inner: (value: unknown) => Schema): Schema {
    const { type = impliedType(schema) } = schema
    if (type === 'object') return this.#object(schema, inner)
    if (type === 'array') return this.#array(schema, inner)
    if (type === 'string') return this.#string(schema)
    if (type === undefined) return anyValue()
    if (SIMPLE_TYPES.some((simple) => simple === type)) return { type }
    throw this.refused('has a type that JSON Schema does not have')
  }

  #object(schema: Schema, inner: (value: unknown) => Schema): Schema {
    const { properties = {}, additionalProperties } = schema
    if (!isRecord(properties)) throw this.refused('has properties that are not an object')
    const names = Object.keys(properties)
    this.#checkTexts(names)
    const isOpen = additionalProperties !== false
    const required = Array.isArray(schema['required']) ? schema['required'] : []
    if (!isOpen && required.some((name) => !names.includes(String(name)))) {
      throw this.refused('requires a member that it does not permit')
    }
    const free = names.length === 0 && isOpen
    return {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, inner(properties[name])])),
      // Members without a name in the schema are left out, unless there are none with one.
      ...(free
        ? {
            additionalProperties: isRecord(additionalProperties)
              ? inner(additionalProperties)
              : true,
            ...this.#range(schema, 'minProperties', 'maxProperties'),
          }
        : {}),
    }
  }

  #array(schema: Schema, inner: (value: unknown) => Schema): Schema {
    const { items, prefixItems } = schema
    return {
      type: 'array',
      ...(items === undefined || items === false ? {} : { items: inner(items) }),
      ...(Array.isArray(prefixItems) ? { prefixItems: prefixItems.map(inner) } : {}),
      ...this.#range(schema, 'minItems', 'maxItems'),
    }
  }

  #string(schema: Schema): Schema {
    const { format } = schema
    const range = this.#range(schema, 'minLength', 'maxLength')
    return typeof format === 'string' && FORMATS.has(format)
      ? { type: 'string', format }
      : { type: 'string', ...range }
  }

  #range(schema: Schema, least: string, most: string): Schema {
    const [min, max] = [schema[least] ?? undefined, schema[most] ?? undefined]
    for (const value of [min, max]) {
      if (value === undefined) continue
      if (!Number.isInteger(value) || Number(value) < 0) throw this.refused('has an invalid length')
    }
    if (Number(min ?? 0) > Math.min(MAX_REPETITIONS, Number(max ?? MAX_REPETITIONS))) {
      throw this.refused(`has a ${least} that is not supported`)
    }
    if (max !== undefined && Number(max) > MAX_REPETITIONS) {
      // So long that it limits no usual answer.
      if (this.#options.strict) throw this.refused(`has a ${most} that is not supported`)
      return min === undefined ? {} : { [least]: min }
    }
    return {
      ...(min === undefined ? {} : { [least]: min }),
      ...(max === undefined ? {} : { [most]: max }),
    }
  }

  #literals(values: readonly unknown[]): Schema {
    this.#size.nodes += values.length
    if (values.length === 0 || this.#size.nodes > MAX_NODES)
      throw this.refused('has an unusable enum')
    const isSimple = (value: unknown): boolean =>
      value === null || ['string', 'number', 'boolean'].includes(typeof value)
    if (!values.every(isSimple)) throw this.refused('has an enum of more than simple values')
    this.#checkTexts(values)
    return { enum: values }
  }

  /**
   * Refuses texts that are too long, since a grammar is made at one go, and what ends the text of a grammar,
   * which the library would then write to the log.
   */
  #checkTexts(values: readonly unknown[]): void {
    for (const value of values) {
      if (typeof value !== 'string') continue
      this.#size.nodes += Math.floor(value.length / CHARACTERS_PER_NODE)
      if (this.#size.nodes > MAX_NODES) throw this.refused('is too large')
      if (value.includes('\0')) throw this.refused('has a text with U+0000')
    }
  }

  #reference(reference: unknown): Schema {
    const name = reference === '#' ? ROOT : definitionName(reference)
    if (name === undefined) throw this.refused('refers to something other than its definitions')
    this.references.add(name)
    return { $ref: `#/$defs/${name}` }
  }

  refused(problem: string): Error {
    const { param } = this.#options
    return unsupported(param, `The schema ${problem}.`, 'invalid_value')
  }
}

/** Descriptions reach the model with the tools. */
const described = ({ description }: Schema, schema: Schema): Schema =>
  typeof description === 'string' ? { ...schema, description } : schema

function definitionsOf(schema: Schema): readonly (readonly [string, unknown])[] {
  return DEFINITIONS.map((place) => schema[place])
    .filter(isRecord)
    .flatMap((defs) => Object.entries(defs))
}

function definitionName(reference: unknown): string | undefined {
  if (typeof reference !== 'string') return undefined
  return /^#\/(?:\$defs|definitions)\/([\w.-]{1,128})$/.exec(reference)?.[1]
}

/** Returns the name that a definition stands for, where it is nothing but a reference. */
function aliasOf(schema: unknown): string | undefined {
  return isRecord(schema) ? definitionName(schema['$ref']) : undefined
}

function impliedType(schema: Schema): string | undefined {
  if (Object.hasOwn(schema, 'properties')) return 'object'
  return Object.hasOwn(schema, 'items') ? 'array' : undefined
}

const anyValue = (): Schema => ({
  oneOf: [
    { type: ['string', 'number', 'boolean', 'null'] },
    { type: 'object', additionalProperties: true },
    { type: 'array' },
  ],
})
