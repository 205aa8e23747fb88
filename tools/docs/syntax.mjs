import { spawn } from 'node:child_process'
import { parseAllDocuments } from 'yaml'

/** @typedef {import('./markdown.mjs').Block} Block */

/** Languages of output and drawings. */
const NOT_CHECKED = ['', 'text']
/** Languages that typescript.mjs checks. */
const PROGRAMS = ['ts', 'typescript', 'js', 'javascript', 'mjs', 'html']

/** @param {Block} block */
export const isShell = ({ language }) => ['sh', 'bash'].includes(language)

/**
 * Checks a block as a text of its language.
 *
 * @param {Block} block
 * @returns {Promise<string[]>}
 */
export async function syntaxFindings(block) {
  const fault = await faultOf(block)
  return fault === undefined ? [] : [`${block.file}:${block.line}: ${fault}`]
}

/**
 * @param {Block} block
 * @returns {Promise<string | undefined> | string | undefined}
 */
function faultOf({ language, code }) {
  if (NOT_CHECKED.includes(language) || PROGRAMS.includes(language)) return undefined
  switch (language) {
    case 'sh':
      return askProgram('sh', ['-n'], code)
    case 'bash':
      return askProgram('bash', ['-n'], code)
    case 'python':
      return askProgram('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], code)
    case 'json':
      return jsonFault(code)
    case 'yaml':
      return parseAllDocuments(code).flatMap(({ errors }) => errors)[0]?.message
    default:
      return `nothing checks blocks of ${language}`
  }
}

/**
 * @param {string} code
 * @returns {string | undefined}
 */
function jsonFault(code) {
  try {
    JSON.parse(code)
    return undefined
  } catch (error) {
    return /** @type {Error} */ (error).message
  }
}

/**
 * Runs a program that checks a text; finds nothing where the program is missing.
 *
 * @param {string} program
 * @param {readonly string[]} parameters
 * @param {string} text
 * @returns {Promise<string | undefined>}
 */
function askProgram(program, parameters, text) {
  return new Promise((resolve) => {
    const child = spawn(program, parameters, { stdio: ['pipe', 'ignore', 'pipe'] })
    let output = ''
    child.stderr.on('data', (/** @type {Buffer} */ bytes) => (output += bytes.toString()))
    child.on('error', () => resolve(undefined))
    child.on('close', (code) =>
      resolve(code === 0 ? undefined : output.trim().replace(/\s+/g, ' ')),
    )
    child.stdin.on('error', () => undefined)
    child.stdin.end(text)
  })
}
