// `import()` is syntax, which Rust cannot say.
export const importModule = (url) => import(url);
