import { spawnSync } from 'node:child_process'
import { parseAllDocuments } from 'yaml'
import type { Block } from './markdown.js'

/** Languages of output and drawings. */
const NOT_CHECKED = ['', 'text']
/** Languages that typescript.ts checks. */
const PROGRAMS = ['ts', 'typescript', 'js', 'javascript', 'mjs', 'html']

export const isShell = ({ language }: Block) => ['sh', 'bash'].includes(language)

/** Checks a block as a text of its language. */
export function syntaxFindings(block: Block): string[] {
  const fault = faultOf(block)
  return fault === undefined ? [] : [`${block.file}:${block.line}: ${fault}`]
}

function faultOf({ language, code }: Block): string | undefined {
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

function jsonFault(code: string): string | undefined {
  try {
    JSON.parse(code)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Runs a program that checks a text; finds nothing where the program is missing. */
function askProgram(program: string, args: readonly string[], input: string): string | undefined {
  const { error, status, stderr } = spawnSync(program, args, { input, encoding: 'utf8' })
  return error !== undefined || status === 0 ? undefined : stderr.trim().replace(/\s+/g, ' ')
}
