import { describe, expect, it } from 'vitest'

/** One way to call a function, with right arguments; each is replaced by values of wrong kinds. */
export interface RightCall {
  readonly call: (...values: never[]) => unknown
  /** The arguments by name, in order. Members of plain objects are replaced as well. */
  readonly args: Readonly<Record<string, unknown>>
  /** Arguments and members (`options.now`) that may be any value: they are data, or only `true` counts. */
  readonly any?: readonly string[]
}

/** Calls by the name of the export, or `Class.method`; a text is the reason why there are none. */
export type ArgumentTable = Readonly<Record<string, string | readonly RightCall[]>>

/** An error of the caller's own object: it may pass, as those of other callbacks do. */
class ErrorOfTheCaller extends Error {}

const hostile = new Proxy(
  {},
  {
    get: () => {
      throw new ErrorOfTheCaller('get')
    },
    getPrototypeOf: () => {
      throw new ErrorOfTheCaller('getPrototypeOf')
    },
    has: () => {
      throw new ErrorOfTheCaller('has')
    },
    ownKeys: () => {
      throw new ErrorOfTheCaller('ownKeys')
    },
  },
)

/** Values of every kind. */
const VALUES: readonly unknown[] = [
  ...[undefined, null, true, 0, -1, 1.5, Number.NaN, Infinity, 1n, 'text', Symbol('s')],
  ...[[], ['text'], [null], {}, { length: 1 }, Object.create(null), new Map()],
  ...[new Uint8Array(8), new Uint16Array(8), new ArrayBuffer(8), new Date(0)],
  ...[new URL('https://example.com'), () => 'text', hostile],
]

/**
 * Tests that every function which a package exports answers arguments of wrong kinds with a typed error, and
 * accepts none of them. An export without calls in the table fails.
 *
 * @param modules - the public subpaths
 * @param foreign - objects of the package that are easily mistaken for each other
 */
export function testArguments(
  modules: readonly object[],
  table: ArgumentTable,
  isTyped: (error: unknown) => boolean,
  foreign: readonly unknown[] = [],
): void {
  it('every exported function has calls with wrong arguments', () => {
    const functions = modules.flatMap(functionsOf)
    const names = Object.keys(table)
    const needed = functions.filter(({ takesArguments }) => takesArguments)
    expect(needed.map(({ name }) => name).filter((name) => !names.includes(name))).toEqual([])
    expect(names.filter((name) => !functions.some((one) => one.name === name))).toEqual([])
  })

  /** One line for each argument and outcome. */
  const add = (
    faults: Map<string, string[]>,
    path: string,
    outcome: string,
    value: unknown,
  ): void => {
    const line = `${path}: ${outcome}`
    faults.set(line, [...(faults.get(line) ?? []), kindOf(value)])
  }

  const calls = Object.entries(table).flatMap(([name, entry]) =>
    typeof entry === 'string' ? [] : entry.map((right) => [name, right] as const),
  )
  describe('a wrong kind of argument is a typed error', () => {
    it.each(calls)('%s', async (name, { call, args, any = [] }) => {
      const faults = new Map<string, string[]>()
      const values = [...VALUES, ...foreign]
      for (const { path, right, put } of placesOf(args, foreign)) {
        for (const value of values) {
          const outcome = await outcomeOf(() => call(...(put(value) as never[])), isTyped)
          const isRight = any.includes(path) || kindOf(value) === kindOf(right)
          // Undefined takes the default, of a member as well.
          if (outcome === 'typed' || (outcome === 'accepted' && (isRight || value === undefined))) {
            continue
          }
          add(faults, path, outcome, value)
        }
      }
      expect(Object.fromEntries(faults), name).toEqual({})
    })
  })
}

interface ExportedFunction {
  readonly name: string
  readonly takesArguments: boolean
}

/** Functions, classes, and methods of classes; those whose parameters all have defaults may be left out. */
function functionsOf(module: object): ExportedFunction[] {
  return Object.entries(module).flatMap(([name, value]) => {
    if (typeof value !== 'function') return []
    const { prototype } = value as { prototype?: object }
    const methods = Object.entries(Object.getOwnPropertyDescriptors(prototype ?? {}))
      .filter(
        ([member, { value: method }]) => member !== 'constructor' && typeof method === 'function',
      )
      .map(([member, { value: method }]) => ({
        name: `${name}.${member}`,
        takesArguments: (method as { length: number }).length > 0,
      }))
    return [{ name, takesArguments: true }, ...methods]
  })
}

interface Place {
  readonly path: string
  readonly right: unknown
  readonly put: (value: unknown) => unknown[]
}

/** Every argument, and every member of those that are plain objects made by the caller. */
function placesOf(args: Readonly<Record<string, unknown>>, made: readonly unknown[]): Place[] {
  return Object.entries(args).flatMap(([name, right], position) => {
    const put = (value: unknown): unknown[] =>
      Object.values(args).map((arg, at) => (at === position ? value : arg))
    const members = isPlain(right) && !made.includes(right) ? Object.entries(right) : []
    return [
      { path: name, right, put },
      ...members.map(([member, rightMember]) => ({
        path: `${name}.${member}`,
        right: rightMember,
        put: (value: unknown) => put({ ...(right as object), [member]: value }),
      })),
    ]
  })
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** The kind of a value; objects without a class of their own are of one kind. */
function kindOf(value: unknown): string {
  if (value === hostile) return 'hostile'
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value
  return Object.prototype.toString.call(value)
}

async function outcomeOf(
  call: () => unknown,
  isTyped: (error: unknown) => boolean,
): Promise<string> {
  try {
    await call()
    return 'accepted'
  } catch (error) {
    if (error instanceof ErrorOfTheCaller) return 'typed'
    return isTyped(error) && (error as Error).message !== '' ? 'typed' : String(error)
  }
}
