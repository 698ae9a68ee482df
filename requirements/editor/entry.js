// What plugin/static/playground.js uses of CodeMirror, in one file.
export { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
export { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
export { yaml } from '@codemirror/lang-yaml';
export { HighlightStyle, indentUnit, syntaxHighlighting } from '@codemirror/language';
export { lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
export { EditorState } from '@codemirror/state';
export { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
export { tags } from '@lezer/highlight';
