//! The messages of a model anew: with codebooks where weights were, and all else as it was.

use std::collections::{HashMap, HashSet};

use super::message::{Builder, Content, Field, Value};
use super::node::{self, ATTRIBUTE, NAME, Names, OPERATOR, OUTPUT};
use super::outside::Found;
use super::survey::{Kind, Survey, deeper, is_default, opset};
use super::tensor::Tensor;
use super::{CAST, Ungathered, WhyPlain};
use crate::piece::Piece;
use crate::reading::FileParts;
use crate::{Element, Error, Skeleton, SourceTensor};

/// The first version of operators whose `Constant` may be a tensor of bytes.
const CONSTANT_OF_BYTES: u64 = 9;
/// The first version of operators that know bf16.
const BF16: u64 = 13;

/// Where a message stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    /// The version of the default operators.
    pub opset: Option<u64>,
    /// Why weights stay plain there, where they do.
    pub plain: Option<WhyPlain>,
    /// Graphs around it.
    pub depth: u32,
}

/// Makes a model anew.
pub(super) struct Rewriter<'a> {
    skeleton: &'a Skeleton,
    codebooks: &'a [Option<Vec<u8>>],
    survey: Survey<'a>,
    /// For each tensor of indices the number of the one that they are of.
    indexed: Vec<usize>,
    /// And the other way.
    indices: HashMap<usize, usize>,
    gathered: usize,
    plain: Vec<Ungathered>,
}

/// A model that was made anew.
pub(super) struct Rewritten {
    /// Its tensors are those of the source, and then those of indices.
    pub skeleton: Skeleton,
    pub indexed: Vec<usize>,
    pub gathered: usize,
    pub plain: Vec<Ungathered>,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(skeleton: &'a Skeleton, codebooks: &'a [Option<Vec<u8>>], survey: Survey<'a>) -> Self {
        let (indexed, indices, plain) = Default::default();
        Self { skeleton, codebooks, survey, indexed, indices, gathered: 0, plain }
    }

    pub(super) fn finish(self, model: Vec<Piece>) -> Rewritten {
        let Skeleton { format, files, tensors } = self.skeleton;
        let beside = files[1..].iter().enumerate().filter(|(number, _)| !self.survey.files.goes(*number));
        let mut files = vec![FileParts { name: files[0].name.clone(), pieces: model }];
        files.extend(beside.map(|(_, file)| file.clone()));
        let mut tensors = tensors.clone();
        tensors.extend(self.indexed.iter().map(|&tensor| {
            let SourceTensor { names, shape, element, bytes } = &self.skeleton.tensors[tensor];
            let bytes = bytes.saturating_mul(8) / u64::from(element.bits());
            SourceTensor { names: names.clone(), shape: shape.clone(), element: Element::U8, bytes }
        }));
        let skeleton = Skeleton { format: *format, files, tensors };
        Rewritten { skeleton, indexed: self.indexed, gathered: self.gathered, plain: self.plain }
    }

    /// The content of a message.
    pub(super) fn message(&mut self, kind: Kind, content: Content, scope: Scope) -> Result<Builder, Error> {
        let scope = match kind {
            Kind::Graph => return self.graph(content, Scope { depth: deeper(kind, scope.depth)?, ..scope }),
            Kind::Function => Scope { opset: opset(content, 9)?, ..scope },
            Kind::Training => Scope { plain: Some(WhyPlain::Training), ..scope },
            Kind::Sparse => Scope { plain: scope.plain.or(Some(WhyPlain::Sparse)), ..scope },
            _ => scope,
        };
        let mut message = Builder::default();
        for field in content.fields()? {
            self.field(kind, &field, scope, &mut message)?;
        }
        Ok(message)
    }

    /// One field of a message of this kind.
    fn field(&mut self, kind: Kind, field: &Field, scope: Scope, message: &mut Builder) -> Result<(), Error> {
        let (true, &Value::Delimited { tag, length, content }) = (self.may_change(field), &field.value) else {
            self.list(field, scope);
            message.keep(field);
            return Ok(());
        };
        let content = match kind.inner(field.number) {
            Some(Kind::Node) => match self.constant(content, scope)? {
                Ok(nodes) => {
                    for node in nodes {
                        message.replace(tag, length, node);
                    }
                    return Ok(());
                }
                Err(why) => self.message(Kind::Node, content, Scope { plain: scope.plain.or(why), ..scope })?,
            },
            Some(Kind::Tensor) => {
                let why = scope.plain.unwrap_or(WhyPlain::Attribute);
                self.plain(&Tensor::of(content)?, why, false)
            }
            Some(inner) => self.message(inner, content, scope)?,
            None => {
                self.list(field, scope);
                message.keep(field);
                return Ok(());
            }
        };
        message.replace(tag, length, content);
        Ok(())
    }

    /// Whether something in a field may have to change.
    fn may_change(&self, field: &Field) -> bool {
        !(field.is_bytes() && self.survey.files.is_empty())
    }

    fn graph(&mut self, content: Content, scope: Scope) -> Result<Builder, Error> {
        let fields = content.fields()?;
        let mut inputs = HashSet::new();
        for input in fields.iter().filter(|field| field.number == 11).filter_map(Field::content) {
            inputs.extend(input.text(1)?);
        }
        // Nodes come after the nodes whose outputs they use, so these are the first.
        let mut first = Builder::default();
        let mut initializers = HashMap::new();
        for (position, field) in fields.iter().enumerate().filter(|(_, field)| field.number == 5) {
            if self.may_change(field) {
                initializers.insert(position, self.initializer(field, &inputs, scope, &mut first)?);
            }
        }
        let mut message = Builder::default();
        for (position, field) in fields.iter().enumerate() {
            if field.number == 1 {
                message.append(std::mem::take(&mut first));
            }
            match initializers.remove(&position) {
                Some(tensors) => message.append(tensors),
                None => self.field(Kind::Graph, field, scope, &mut message)?,
            }
        }
        message.append(first);
        Ok(message)
    }

    /// What stands for an initializer; its nodes go to `nodes`.
    fn initializer(
        &mut self,
        field: &Field,
        inputs: &HashSet<&[u8]>,
        scope: Scope,
        nodes: &mut Builder,
    ) -> Result<Builder, Error> {
        let mut made = Builder::default();
        let Value::Delimited { tag, length, content } = field.value else {
            made.keep(field);
            return Ok(made);
        };
        let tensor = Tensor::of(content)?;
        let own = match tensor.name {
            name if inputs.contains(name) => Some(WhyPlain::Input),
            b"" => Some(WhyPlain::Nameless),
            _ => None,
        };
        match self.number(&tensor).map(|number| self.codebook(number, scope, own, CAST)) {
            Some(Ok((number, element, values))) => {
                let names = self.names(tensor.name);
                made.replace(tag, length, node::codebook(&names.codebook, element, values));
                made.replace(tag, length, self.indices(number, Some(&tensor), &names, true));
                let mut own = Builder::default();
                own.text(OUTPUT, tensor.name);
                nodes.field(1, node::cast(&names));
                nodes.field(1, node::gather(&names, own));
            }
            other => {
                let why = other.and_then(Result::err).unwrap_or(WhyPlain::NoCodebook);
                made.replace(tag, length, self.plain(&tensor, why, true));
            }
        }
        Ok(made)
    }

    /// What stands for a node if it is a constant; otherwise why not, where that is for a reason of its own.
    fn constant(&mut self, content: Content, scope: Scope) -> Result<Result<Vec<Builder>, Option<WhyPlain>>, Error> {
        let fields = content.fields()?;
        let of = |number: u64| fields.iter().filter(move |field| field.number == number);
        let is_constant = of(OPERATOR).any(|field| field.text() == Some(b"Constant"))
            && is_default(of(7).find_map(Field::text))
            && of(OUTPUT).count() == 1
            && of(ATTRIBUTE).count() == 1;
        let (true, Some(output), Some(attribute)) =
            (is_constant, of(OUTPUT).find_map(Field::text), of(ATTRIBUTE).find_map(Field::content))
        else {
            return Ok(Err(None));
        };
        let (name, attribute) = (attribute.text(1)?, attribute.fields()?);
        let value = |number: u64| attribute.iter().find(|field| field.number == number);
        let (tensor, number) = match name {
            Some(b"value") => {
                let Some(content) = value(5).and_then(Field::content) else { return Ok(Err(None)) };
                let tensor = Tensor::of(content)?;
                let number = self.number(&tensor);
                (Some(tensor), number)
            }
            Some(b"value_floats") => (None, value(7).and_then(Field::hole).map(|hole| hole.tensor)),
            _ => return Ok(Err(None)),
        };
        let Some(number) = number else { return Ok(Err(None)) };
        let own = output.is_empty().then_some(WhyPlain::Nameless);
        let (number, element, values) = match self.codebook(number, scope, own, CONSTANT_OF_BYTES) {
            Ok(found) => found,
            Err(why) => return Ok(Err(Some(why))),
        };
        let names = self.names(output);
        let codebook = node::constant(&names.codebook, node::codebook(&names.codebook, element, values));
        let indices = self.indices(number, tensor.as_ref(), &names, false);
        let indices = node::constant(&names.indices, indices);
        // Its output and what is said of it. Names of constants may be those of other nodes in some runtimes, so it has
        // a new one.
        let mut others = Builder::default();
        for field in fields.iter().filter(|field| ![NAME, OPERATOR, ATTRIBUTE].contains(&field.number)) {
            others.keep(field);
        }
        Ok(Ok(vec![codebook, indices, node::cast(&names), node::gather(&names, others)]))
    }

    /// The number of the tensor whose payload a tensor of the model has, here or in a file beside it.
    fn number(&self, tensor: &Tensor) -> Option<usize> {
        let outside = || match self.survey.files.find(tensor, self.skeleton) {
            Some((_, Found::Tensor(number))) => Some(number),
            _ => None,
        };
        tensor.hole.or_else(outside)
    }

    /// Type and codebook of a tensor that becomes one; `own` is why it may not.
    fn codebook(
        &self,
        number: usize,
        scope: Scope,
        own: Option<WhyPlain>,
        needed: u64,
    ) -> Result<(usize, Element, &'a [u8]), WhyPlain> {
        let element = self.skeleton.tensors[number].element;
        let values = self.codebooks[number].as_deref().ok_or(WhyPlain::NoCodebook)?;
        let needed = if element == Element::Bf16 { needed.max(BF16) } else { needed };
        match scope.plain.or(own) {
            Some(why) => Err(why),
            None if scope.opset.is_none_or(|found| found < needed) => {
                Err(WhyPlain::Opset { found: scope.opset, needed })
            }
            None => Ok((number, element, values)),
        }
    }

    /// The tensor of indices for that of a number, which is `tensor` in the model, or a list of numbers.
    fn indices(&mut self, number: usize, tensor: Option<&Tensor>, names: &Names, movable: bool) -> Builder {
        self.gathered += 1;
        let payload = *self.indices.entry(number).or_insert_with(|| {
            self.indexed.push(number);
            self.skeleton.tensors.len() + self.indexed.len() - 1
        });
        let mut dims = Builder::default();
        match tensor {
            Some(tensor) => tensor.dims().for_each(|field| dims.keep(field)),
            None => self.skeleton.tensors[number].shape.iter().for_each(|&length| dims.number(1, length)),
        }
        let mut made = node::indices(&names.indices, dims, payload, movable);
        tensor.into_iter().flat_map(Tensor::others).for_each(|field| made.keep(field));
        made
    }

    /// A tensor that stays, with its values in the model if the file that has them goes.
    fn plain(&mut self, tensor: &Tensor, why: WhyPlain, movable: bool) -> Builder {
        if let Some(number) = self.number(tensor) {
            self.note(number, tensor.name, why);
        }
        let found = self.survey.files.find(tensor, self.skeleton).filter(|(file, _)| self.survey.files.goes(*file));
        let mut made = Builder::default();
        for field in tensor.fields.iter().filter(|field| found.is_none() || ![13, 14].contains(&field.number)) {
            made.keep(field);
        }
        match found {
            Some((_, Found::Tensor(number))) => made.hole(9, number, movable),
            Some((_, Found::Bytes(bytes))) => made.text(9, bytes),
            Some((_, Found::Other)) | None => {}
        }
        made
    }

    /// Notes the weights whose payload a field of a message is, if it is one.
    fn list(&mut self, field: &Field, scope: Scope) {
        if let Some(hole) = field.hole() {
            self.note(hole.tensor, b"", scope.plain.unwrap_or(WhyPlain::Attribute));
        }
    }

    /// Notes that weights are plain.
    fn note(&mut self, number: usize, own: &[u8], why: WhyPlain) {
        let tensor = &self.skeleton.tensors[number];
        if !tensor.element.is_compressible() {
            return;
        }
        let why = if self.codebooks[number].is_some() { why } else { WhyPlain::NoCodebook };
        let called = |name: &&String| !own.is_empty() && name.as_bytes().ends_with(own);
        let name = tensor.names.iter().find(called).unwrap_or(&tensor.names[0]).clone();
        self.plain.push(Ungathered { name, why });
    }

    fn names(&mut self, of: &[u8]) -> Names {
        Names {
            codebook: self.fresh(of, "_codebook"),
            indices: self.fresh(of, "_indices"),
            places: self.fresh(of, "_places"),
            cast: self.fresh(of, "_cast"),
            gather: self.fresh(of, "_gather"),
        }
    }

    /// A name that nothing in the model has.
    fn fresh(&mut self, of: &[u8], ending: &str) -> Vec<u8> {
        let mut name = [of, ending.as_bytes()].concat();
        let mut number = 1;
        while !self.survey.names.insert(name.clone()) {
            number += 1;
            name = [of, ending.as_bytes(), format!("_{number}").as_bytes()].concat();
        }
        name
    }
}
