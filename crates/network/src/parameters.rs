//! The numbers of a network: one tensor for each parameter of a graph, in the graph's order, with names.

use mixpress_tensor::Tensor;
use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{Distribution, StandardNormal};

use crate::{Error, Graph, ParameterKind};

/// The parameters of a network, by position and by name, in the order of [`Graph::parameters`].
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Parameters {
    names: Vec<String>,
    tensors: Vec<Tensor>,
}

impl Parameters {
    /// Takes over tensors in the order of the graph.
    ///
    /// # Errors
    ///
    /// [`Error::MissingParameter`], [`Error::UnknownParameter`] or [`Error::ParameterShape`] when they do not fit.
    pub fn new(graph: &Graph, tensors: Vec<Tensor>) -> Result<Self, Error> {
        let specs = graph.parameters();
        if let Some(spec) = specs.get(tensors.len()) {
            return Err(Error::MissingParameter { name: spec.name.clone(), shape: spec.shape.clone() });
        }
        if tensors.len() > specs.len() {
            return Err(Error::UnknownParameter { name: format!("number {}", specs.len()) });
        }
        for (spec, tensor) in specs.iter().zip(&tensors) {
            if spec.shape != tensor.shape() {
                return Err(Error::ParameterShape {
                    name: spec.name.clone(),
                    expected: spec.shape.clone(),
                    got: tensor.shape().to_vec(),
                });
            }
        }
        Ok(Self { names: specs.iter().map(|spec| spec.name.clone()).collect(), tensors })
    }

    /// Takes over named tensors in any order.
    ///
    /// # Errors
    ///
    /// As [`Parameters::new`].
    pub fn from_named(graph: &Graph, tensors: impl IntoIterator<Item = (String, Tensor)>) -> Result<Self, Error> {
        let mut slots: Vec<Option<Tensor>> = vec![None; graph.parameters().len()];
        for (name, tensor) in tensors {
            match graph.parameter_index(&name) {
                Some(index) if slots[index].is_none() => slots[index] = Some(tensor),
                _ => return Err(Error::UnknownParameter { name }),
            }
        }
        let present = slots.into_iter().zip(graph.parameters()).map(|(slot, spec)| {
            slot.ok_or_else(|| Error::MissingParameter { name: spec.name.clone(), shape: spec.shape.clone() })
        });
        Self::new(graph, present.collect::<Result<_, _>>()?)
    }

    /// Weights, biases, shifts and running means of 0; scales and running variances of 1.
    #[must_use]
    pub fn neutral(graph: &Graph) -> Self {
        let tensors = graph.parameters().iter().map(|spec| Tensor::full(&spec.shape, spec.kind.neutral())).collect();
        Self { names: graph.parameters().iter().map(|spec| spec.name.clone()).collect(), tensors }
    }

    /// He's initialisation: [`Parameters::scaled_he_normal`] with gain 1.
    #[must_use]
    pub fn he_normal<R: Rng + ?Sized>(graph: &Graph, rng: &mut R) -> Self {
        Self::scaled_he_normal(graph, 1.0, rng)
    }

    /// Weights from a normal distribution of variance `gain · 2 / fan-in` (He et al. 2015, arXiv 1502.01852, eq. 10), drawn
    /// in the order of the graph; everything else as [`Parameters::neutral`].
    #[must_use]
    pub fn scaled_he_normal<R: Rng + ?Sized>(graph: &Graph, gain: f64, rng: &mut R) -> Self {
        let mut parameters = Self::neutral(graph);
        for (spec, tensor) in graph.parameters().iter().zip(&mut parameters.tensors) {
            if let ParameterKind::Weight { fan_in } = spec.kind {
                let deviation = (gain * 2.0 / fan_in as f64).sqrt();
                for weight in tensor.data_mut() {
                    let draw: f64 = StandardNormal.sample(rng);
                    *weight = (deviation * draw) as f32;
                }
            }
        }
        parameters
    }

    /// Number of tensors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are no tensors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// The tensor of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.index(name).map(|index| &self.tensors[index])
    }

    /// The tensor of that name, to be changed in place.
    #[must_use]
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Tensor> {
        self.index(name).map(|index| &mut self.tensors[index])
    }

    /// The tensors in order.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The tensors in order, to be changed in place; keep their shapes.
    #[must_use]
    pub fn tensors_mut(&mut self) -> &mut [Tensor] {
        &mut self.tensors
    }

    /// Names and tensors in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.names.iter().map(String::as_str).zip(&self.tensors)
    }

    /// Names and tensors in order, the tensors to be changed in place.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut Tensor)> {
        self.names.iter().map(String::as_str).zip(&mut self.tensors)
    }

    /// The tensors in order, without their names.
    #[must_use]
    pub fn into_tensors(self) -> Vec<Tensor> {
        self.tensors
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|candidate| candidate == name)
    }
}

impl std::ops::Index<usize> for Parameters {
    type Output = Tensor;

    fn index(&self, index: usize) -> &Tensor {
        &self.tensors[index]
    }
}

impl std::ops::IndexMut<usize> for Parameters {
    fn index_mut(&mut self, index: usize) -> &mut Tensor {
        &mut self.tensors[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;
    use crate::zoo;

    #[test]
    fn he_draws_have_hes_variance_and_everything_else_is_neutral() {
        let graph = zoo::vgg_small().lower(&[3, 8, 8]).unwrap();
        for gain in [1.0, 0.49] {
            let parameters = Parameters::scaled_he_normal(&graph, gain, &mut rng(1));
            for (spec, tensor) in graph.parameters().iter().zip(parameters.tensors()) {
                let Some(deviation) = spec.he_deviation() else {
                    assert!(tensor.data().iter().all(|&value| value == spec.kind.neutral()), "{}", spec.name);
                    continue;
                };
                let squares: f64 = tensor.data().iter().map(|&w| f64::from(w).powi(2)).sum();
                let ratio = squares / tensor.len() as f64 / (gain * deviation * deviation);
                // Relative standard deviation of a sample variance: sqrt(2 / n). Five of them, on a fixed seed.
                assert!((ratio - 1.0).abs() < 5.0 * (2.0 / tensor.len() as f64).sqrt(), "{}: {ratio}", spec.name);
            }
        }
        assert_eq!(Parameters::he_normal(&graph, &mut rng(2)), Parameters::scaled_he_normal(&graph, 1.0, &mut rng(2)));
    }

    #[test]
    fn tensors_that_do_not_fit_are_refused_by_name() {
        let graph = zoo::digits_mlp().lower(&[2]).unwrap();
        let tensors = Parameters::neutral(&graph).into_tensors();
        assert_eq!(Parameters::new(&graph, tensors.clone()), Ok(Parameters::neutral(&graph)));
        let missing = Error::MissingParameter { name: "fc3.bias".into(), shape: vec![10] };
        assert_eq!(Parameters::new(&graph, tensors[..5].to_vec()), Err(missing.clone()));
        let mut more = tensors.clone();
        more.push(Tensor::zeros(&[1]));
        assert!(matches!(Parameters::new(&graph, more), Err(Error::UnknownParameter { .. })));
        let mut reshaped = tensors.clone();
        reshaped[0] = Tensor::zeros(&[2, 128]);
        assert_eq!(
            Parameters::new(&graph, reshaped).unwrap_err().to_string(),
            "parameter fc1.weight: expected shape [128, 2], got [2, 128]"
        );

        let named = |names: &[&str]| -> Vec<(String, Tensor)> {
            names.iter().map(|&name| (name.to_owned(), Tensor::zeros(&[1]))).collect()
        };
        let unknown = |name: &str| Err(Error::UnknownParameter { name: name.into() });
        assert_eq!(Parameters::from_named(&graph, named(&["fc9.weight"])), unknown("fc9.weight"));
        assert_eq!(Parameters::from_named(&graph, named(&["fc1.bias", "fc1.bias"])), unknown("fc1.bias"));
        let all = graph.parameters().iter().map(|spec| spec.name.clone()).zip(tensors);
        assert_eq!(Parameters::from_named(&graph, all.clone().take(5)), Err(missing));
        let parameters = Parameters::from_named(&graph, all).unwrap();
        assert_eq!(parameters.get("fc2.weight").unwrap().shape(), [64, 128]);
        assert_eq!(parameters.get("fc2"), None);
        assert_eq!(parameters.iter().map(|(name, _)| name).last(), Some("fc3.bias"));
    }
}
