import { isRecord } from '../../../json/json-object.js'

type Schema = Readonly<Record<string, unknown>>
type Definitions = Readonly<Record<string, Schema>>

/** Readings of one text that are followed at the same time. */
const MAX_READINGS = 32
/** Texts without inner values that take as long as one reading of what has some. */
const TEXTS_PER_READING = 150

/**
 * Checks for a schema whose grammar reads the same text in so many ways that a token takes seconds:
 * alternatives that begin alike, within alternatives that begin alike. The number of readings is the product
 * of the alternatives on the way to a value.
 *
 * @param schema - in the form for grammars
 */
export function isTooAmbiguous(schema: Schema, defs: Definitions): boolean {
  const alike = new WeakMap<Schema, number>()
  /** Readings within the values of definitions. */
  const within = new Map<string, number>()
  const alikeIn = (node: Schema): number => {
    const known = alike.get(node) ?? alikeAmong(alternativesOf(node, defs, new Set()))
    alike.set(node, known)
    return known
  }
  const measure = (node: unknown): number =>
    isRecord(node) ? alikeIn(node) * measureWithin(node) : 1
  const measureWithin = (node: Schema): number => {
    if (node['$ref'] !== undefined) return within.get(definitionOf(node)) ?? 1
    const { oneOf } = node
    if (Array.isArray(oneOf)) return Math.max(1, ...oneOf.filter(isRecord).map(measureWithin))
    return Math.max(1, ...valuesIn(node).map(measure))
  }
  // Grows with every round where definitions refer to each other through alternatives.
  for (let isStable = false; !isStable;) {
    isStable = true
    for (const [name, definition] of Object.entries(defs)) {
      const found = measureWithin(definition)
      if (found > MAX_READINGS) return true
      if (found === (within.get(name) ?? 1)) continue
      within.set(name, found)
      isStable = false
    }
  }
  return measure(schema) > MAX_READINGS
}

const definitionOf = ({ $ref }: Schema): string => String($ref).replace('#/$defs/', '')

/** Lists the schemas of the values within an object or an array. */
function valuesIn({ properties, additionalProperties, items, prefixItems }: Schema) {
  return [
    ...(isRecord(properties) ? Object.values(properties) : []),
    ...(Array.isArray(prefixItems) ? (prefixItems as readonly unknown[]) : []),
    ...[additionalProperties, items],
  ]
}

/** Lists what a value may be, with alternatives of alternatives, and definitions once. */
function alternativesOf(node: Schema, defs: Definitions, seen: Set<string>): readonly Schema[] {
  const { oneOf, $ref } = node
  if (Array.isArray(oneOf)) {
    return oneOf.filter(isRecord).flatMap((one) => alternativesOf(one, defs, seen))
  }
  if ($ref === undefined) return [node]
  const name = definitionOf(node)
  const definition = defs[name]
  if (definition === undefined || seen.has(name)) return []
  seen.add(name)
  return alternativesOf(definition, defs, seen)
}

/** Returns the number of arrays, of objects, or of many texts that cannot be told apart where they begin. */
function alikeAmong(alternatives: readonly Schema[]): number {
  const arrays = alternatives.filter(({ type }) => type === 'array').length
  let open = 0
  /** Objects by the name of their first member; those with a tag there, by name and value. */
  const untagged = new Map<string, number>()
  const tagged = new Map<string, number>()
  const count = (counts: Map<string, number>, key: string): void => {
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  let texts = 0
  for (const { type, properties, enum: values } of alternatives) {
    if (type === 'string') texts++
    if (Array.isArray(values)) texts += values.length
    if (type !== 'object') continue
    const [first] = Object.entries(isRecord(properties) ? properties : {})
    if (first === undefined) {
      open++
      continue
    }
    const [name, member] = first
    const tags: unknown = isRecord(member) ? member['enum'] : undefined
    if (Array.isArray(tags)) {
      for (const tag of tags as readonly unknown[]) count(tagged, JSON.stringify([name, tag]))
    } else count(untagged, name)
  }
  const most = (counts: Map<string, number>): number => Math.max(0, ...counts.values())
  const objects = open + most(untagged) + most(tagged)
  return Math.max(1, arrays, objects, Math.ceil(texts / TEXTS_PER_READING))
}
