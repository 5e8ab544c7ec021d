//! `#[derive(Header)]`: the extension fields of a remoting header as a plain struct.
//!
//! Each field travels under the camelCase form of its name. `#[header(key = "…")]` names another key,
//! `#[header(default)]` lets a missing field be its type's default, and `#[header(default = expr)]`
//! names that default.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Expr, Field, Fields, LitStr, parse_macro_input, spanned::Spanned};

/// Derives `remoting::header::Header`.
#[proc_macro_derive(Header, attributes(header))]
pub fn derive_header(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// What a field's attributes say of it.
struct HeaderField<'a> {
    field: &'a Field,
    key: String,
    default: Default,
}

enum Default {
    /// The type decides: `Option` may be absent, all else must be there.
    None,
    OfType,
    Value(Box<Expr>),
}

fn expand(input: &DeriveInput) -> syn::Result<proc_macro2::TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new(input.span(), "a header is a struct"));
    };
    let fields = match &data.fields {
        Fields::Named(named) => named.named.iter().map(HeaderField::read).collect::<syn::Result<Vec<_>>>()?,
        Fields::Unit => Vec::new(),
        Fields::Unnamed(_) => return Err(syn::Error::new(input.span(), "a header's fields have names")),
    };
    let name = &input.ident;
    let specs = fields.iter().map(HeaderField::spec);
    let decoded = fields.iter().map(HeaderField::decode);
    let encoded = fields.iter().map(HeaderField::encode);
    Ok(quote! {
        #[automatically_derived]
        impl ::remoting::header::Header for #name {
            const FIELDS: &'static [::remoting::header::FieldSpec] = &[#(#specs),*];

            fn decode(
                fields: &::remoting::ext_fields::ExtFields<'_>,
            ) -> ::core::result::Result<Self, ::remoting::header::HeaderError> {
                let _ = fields;
                ::core::result::Result::Ok(Self { #(#decoded),* })
            }

            fn encode(&self, sink: &mut dyn ::remoting::header::FieldSink) {
                let _ = sink;
                #(#encoded)*
            }
        }
    })
}

impl<'a> HeaderField<'a> {
    fn read(field: &'a Field) -> syn::Result<Self> {
        let ident =
            field.ident.as_ref().ok_or_else(|| syn::Error::new(field.span(), "field without name"))?;
        let mut key = camel_case(&ident.to_string());
        let mut default = Default::None;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("header")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("key") {
                    key = meta.value()?.parse::<LitStr>()?.value();
                } else if meta.path.is_ident("default") {
                    default = match meta.value() {
                        Ok(value) => Default::Value(Box::new(value.parse()?)),
                        Err(_) => Default::OfType,
                    };
                } else {
                    return Err(meta.error("expected `key` or `default`"));
                }
                Ok(())
            })?;
        }
        Ok(Self { field, key, default })
    }

    fn spec(&self) -> proc_macro2::TokenStream {
        let (key, field_type) = (&self.key, &self.field.ty);
        let presence = match self.default {
            Default::None => quote!(<#field_type as ::remoting::header::FieldValue>::PRESENCE),
            Default::OfType | Default::Value(_) => quote!(::remoting::header::Presence::Defaulted),
        };
        quote!(::remoting::header::FieldSpec {
            key: #key,
            kind: <#field_type as ::remoting::header::FieldValue>::KIND,
            presence: #presence,
        })
    }

    fn decode(&self) -> proc_macro2::TokenStream {
        let (ident, key) = (&self.field.ident, &self.key);
        match &self.default {
            Default::None => quote!(#ident: ::remoting::header::FieldValue::decode(fields.get(#key), #key)?),
            Default::OfType => quote!(#ident: ::remoting::header::decode_or(
                fields.get(#key), #key, ::core::default::Default::default())?),
            Default::Value(value) => {
                quote!(#ident: ::remoting::header::decode_or(fields.get(#key), #key, #value)?)
            }
        }
    }

    fn encode(&self) -> proc_macro2::TokenStream {
        let (ident, key) = (&self.field.ident, &self.key);
        quote!(::remoting::header::FieldValue::encode(&self.#ident, #key, sink);)
    }
}

/// `consumer_group` → `consumerGroup`.
fn camel_case(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    let mut upper_next = false;
    for letter in snake.trim_start_matches("r#").chars() {
        if letter == '_' {
            upper_next = true;
        } else if upper_next {
            camel.extend(letter.to_uppercase());
            upper_next = false;
        } else {
            camel.push(letter);
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::camel_case;

    #[test]
    fn keys_are_camel_case() {
        assert_eq!(camel_case("consumer_group"), "consumerGroup");
        assert_eq!(camel_case("topic"), "topic");
        assert_eq!(camel_case("consumer_fail_reply_max"), "consumerFailReplyMax");
    }
}
