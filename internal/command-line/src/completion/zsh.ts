import { functionName, type CompletedCommand, type CompletedOption } from './words.js'

/** Renders a script for zsh 5, for a folder of `$fpath`. */
export function zshCompletion(program: string, commands: readonly CompletedCommand[]): string {
  const name = functionName(program)
  return `#compdef ${program}
# zsh completion of ${program}
${name}() {
  local place="" word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$place $word" in
      ${commands
        .filter(({ path }) => path !== '')
        .map(({ path }) => `" ${path}"`)
        .join('|')}) place="$place $word" ;;
    esac
  done
  case "$place" in
${commands.map(branch).join('\n')}
  esac
}
if [[ "$funcstack[1]" == ${name} ]]; then ${name} "$@"; else compdef ${name} ${program}; fi`
}

function branch({ path, words, options, takesPaths }: CompletedCommand): string {
  const operands = takesPaths
    ? ["'*:file:_files'"]
    : words.length > 0
      ? [
          `'*:word:((${words.map(({ name, summary }) => `${name}\\:${escaped(summary)}`).join(' ')}))'`,
        ]
      : []
  const all = [...options.map(describe), ...operands].join(' \\\n        ')
  return `    "${path === '' ? '' : ` ${path}`}")
      _arguments \\
        ${all} ;;`
}

const VALUES = { none: '', any: ':value: ', path: ':file:_files' }

function describe({ name, summary, value }: CompletedOption): string {
  const text = summary.replace(/'/g, '’').replace(/[[\]:\\]/g, '\\$&')
  const behind = typeof value === 'string' ? VALUES[value] : `:value:(${value.join(' ')})`
  return `'*${name}[${text}]${behind}'`
}

/** Escapes a text inside quotes and brackets, where blanks separate words. */
const escaped = (text: string): string => text.replace(/'/g, '’').replace(/[\s:()\\;|&]/g, '\\$&')
