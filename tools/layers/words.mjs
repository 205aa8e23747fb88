import { Linter } from 'eslint'

/**
 * What a piece of code names, without its comments and without its prose.
 *
 * @typedef {object} Words
 * @property {Set<string>} globals names it takes from its surroundings, also as `globalThis.name`;
 *   `Date` only where it reads the clock, `Function` only where it makes one; `import()` stands for
 *   an import whose target is computed
 * @property {Set<string>} names every identifier and member name
 * @property {Set<string>} texts every string as a whole: `['decrypt']` holds the word, a sentence
 *   about decryption does not
 */

/**
 * @typedef {import('eslint').Rule.Node} Node
 * @typedef {import('eslint').Scope.Reference} Reference
 */

/** Ways of writing the global object. */
const GLOBAL_OBJECTS = new Set(['globalThis', 'window', 'self', 'global'])
/** Members of Date that say the same at any time. */
const TIMELESS = new Set(['UTC', 'parse'])

/**
 * Reads code the way an engine does, so that neither a comment nor an error message counts.
 *
 * @param {string} code an ES module
 * @returns {Words}
 * @throws SyntaxError
 */
export function wordsOf(code) {
  /** @type {Words} */
  const words = { globals: new Set(), names: new Set(), texts: new Set() }
  const messages = new Linter().verify(code, {
    plugins: { layers: { rules: { words: collector(words) } } },
    rules: { 'layers/words': 'error' },
  })
  const unreadable = messages.find(({ fatal }) => fatal)
  if (unreadable !== undefined) throw new SyntaxError(unreadable.message)
  return words
}

/**
 * @param {Words} words
 * @returns {import('eslint').Rule.RuleModule}
 */
function collector({ globals, names, texts }) {
  return {
    create: (context) => ({
      Program: (node) => {
        for (const reference of undeclared(context.sourceCode.getScope(node))) {
          for (const name of namesTaken(reference)) globals.add(name)
        }
      },
      ImportExpression: (node) => {
        if (node.source.type !== 'Literal') globals.add('import()')
      },
      Identifier: (node) => void names.add(node.name),
      PrivateIdentifier: (node) => void names.add(node.name),
      Literal: (node) => {
        if (typeof node.value === 'string') texts.add(node.value)
      },
      TemplateElement: (node) => void texts.add(node.value.cooked ?? node.value.raw),
      MemberExpression: (node) => {
        const member = memberOf(node, node.object)
        if (member !== undefined) names.add(member)
      },
    }),
  }
}

/**
 * What the code itself does not declare: unknown to ESLint, or known to it as part of the language.
 *
 * @param {import('eslint').Scope.Scope} scope
 * @returns {Reference[]}
 */
function undeclared(scope) {
  const language = scope.variables.filter(({ defs }) => defs.length === 0)
  return [...scope.through, ...language.flatMap(({ references }) => references)]
}

/**
 * What a reference to something undeclared takes: its name, and the member where it is the global
 * object that is asked.
 *
 * @param {Reference} reference
 * @returns {string[]}
 */
function namesTaken({ identifier }) {
  const { name } = identifier
  const { parent } = /** @type {Node} */ (identifier)
  if (name === 'Date' && isTimeless(parent, identifier)) return []
  if (name === 'Function' && !isCalled(parent, identifier)) return []
  const member = memberOf(parent, identifier)
  return GLOBAL_OBJECTS.has(name) && member !== undefined ? [name, member] : [name]
}

/**
 * The member `object` is asked for, where that is written down: `.name` or `['name']`.
 *
 * @param {Node | null} node
 * @param {unknown} object
 * @returns {string | undefined}
 */
function memberOf(node, object) {
  if (node?.type !== 'MemberExpression' || node.object !== object) return undefined
  const { property, computed } = node
  if (property.type === 'Identifier' && !computed) return property.name
  return property.type === 'Literal' && typeof property.value === 'string'
    ? property.value
    : undefined
}

/**
 * Whether a mention of `Date` only converts a time it was given.
 *
 * @param {Node | null} parent
 * @param {unknown} identifier
 * @returns {boolean}
 */
function isTimeless(parent, identifier) {
  if (parent?.type === 'NewExpression')
    return isCalled(parent, identifier) && parent.arguments.length > 0
  if (parent?.type === 'BinaryExpression') return parent.operator === 'instanceof'
  return TIMELESS.has(memberOf(parent, identifier) ?? '')
}

/**
 * @param {Node | null} parent
 * @param {unknown} identifier
 * @returns {boolean}
 */
function isCalled(parent, identifier) {
  return (
    (parent?.type === 'CallExpression' || parent?.type === 'NewExpression') &&
    parent.callee === identifier
  )
}
